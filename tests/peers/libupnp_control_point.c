/* A control point of libupnp: INTERFACE UUID ADDRESS [LOCATION]. Finds the gateway (at a location with that in it),
 * subscribes, calls, renews, unsubscribes; says what came of each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <upnp.h>
#include <upnptools.h>

#define DEVICE "urn:heg-energy:device:EnergyGateway:1"
#define SERVICE "urn:heg-energy:service:EnergyManagement:1"

static char location[256];
static const char *wanted = "//10.";
UpnpClient_Handle handle;

static int happened(Upnp_EventType kind, const void *event, void *cookie)
{
    (void)cookie;
    if (kind == UPNP_DISCOVERY_SEARCH_RESULT || kind == UPNP_DISCOVERY_ADVERTISEMENT_ALIVE) {
        const UpnpDiscovery *found = (const UpnpDiscovery *)event;
        if (!location[0] && strstr(UpnpDiscovery_get_DeviceType_cstr(found), DEVICE)
            && strstr(UpnpDiscovery_get_Location_cstr(found), wanted))
            snprintf(location, sizeof location, "%s", UpnpDiscovery_get_Location_cstr(found));
    } else if (kind == UPNP_EVENT_RECEIVED) {
        const UpnpEvent *one = (const UpnpEvent *)event;
        DOMString text = ixmlPrintNode((IXML_Node *)UpnpEvent_get_ChangedVariables(one));
        printf("event %d %d\n", UpnpEvent_get_EventKey(one), strstr(text, "OpenRegistrations") != NULL);
        ixmlFreeDOMString(text);
        fflush(stdout);
    }
    return 0;
}

static void call(const char *control, const char *action, const char *uuid, const char *address, const char *name, const char *value)
{
    IXML_Document *order = NULL, *answer = NULL;
    UpnpAddToAction(&order, action, SERVICE, "UUID", uuid);
    UpnpAddToAction(&order, action, SERVICE, "Address", address);
    UpnpAddToAction(&order, action, SERVICE, name, value);
    int code = UpnpSendAction(handle, control, SERVICE, NULL, order, &answer);
    const char *out = "-";
    if (answer) {
        IXML_NodeList *list = ixmlDocument_getElementsByTagName(answer, "RegID");
        if (list) out = ixmlNode_getNodeValue(ixmlNode_getFirstChild(ixmlNodeList_item(list, 0)));
    }
    printf("%s %d %s\n", action, code, out ? out : "-");
    fflush(stdout);
}

int main(int count, char **given)
{
    if (count < 4) return 2;
    if (count > 4) wanted = given[4];
    printf("init %d\n", UpnpInit2(given[1], 0));
    printf("register %d\n", UpnpRegisterClient(happened, NULL, &handle));
    printf("search %d\n", UpnpSearchAsync(handle, 2, DEVICE, NULL));
    for (int waited = 0; waited < 50 && !location[0]; waited++) usleep(100000);
    printf("found %s\n", location);
    fflush(stdout);
    char control[300], events[300], *end = strstr(location, "/device.xml");
    if (!end) return 1;
    *end = 0;
    snprintf(control, sizeof control, "%s/control", location);
    snprintf(events, sizeof events, "%s/subscribe", location);
    int timeout = 1801;
    Upnp_SID sid;
    printf("subscribe %d", UpnpSubscribe(handle, events, &timeout, sid));
    printf(" %d %.5s\n", timeout, sid);
    fflush(stdout);
    usleep(500000);
    call(control, "WakeUpTime", given[2], given[3], "Time", "06:30:00");
    call(control, "WakeUpTime", given[2], given[3], "Time", "25:30:00");
    call(control, "WakeUpTime", given[2], given[3], "Clock", "06:30:00");
    call(control, "NoSuchThing", given[2], given[3], "Time", "06:30:00");
    usleep(1500000);
    timeout = 600;
    printf("renew %d", UpnpRenewSubscription(handle, &timeout, sid));
    printf(" %d\n", timeout);
    printf("unsubscribe %d\n", UpnpUnSubscribe(handle, sid));
    fflush(stdout);
    UpnpUnRegisterClient(handle);
    UpnpFinish();
    return 0;
}
