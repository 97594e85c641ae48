/* An appliance hosted by libupnp: `libupnp_appliance INTERFACE FOLDER UUID`, where FOLDER holds device.xml and scpd.xml.
 * It prints `ready`. Lines on standard input: `become WORD` changes its state, `refuse CODE` makes it refuse every
 * order (0: none); the end of them makes it say goodbye. What it was ordered is printed. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <upnp/upnp.h>
#include <upnp/upnptools.h>

#define SERVICE "urn:heg-energy:service:PowerManagement:1"
#define ID "urn:heg-energy:serviceId:PowerManagement"

static UpnpDevice_Handle device;
static char udn[80], state[16] = "ON";
static int refuses;

static const char *names[] = {"PowerState"};

static void become(const char *word)
{
	const char *values[] = {state};
	snprintf(state, sizeof state, "%s", word);
	UpnpNotify(device, udn, ID, names, values, 1);
}

static void invoked(UpnpActionRequest *request)
{
	const char *name = UpnpActionRequest_get_ActionName_cstr(request);
	const char *order = !strcmp(name, "OperationOn") ? "ON" : !strcmp(name, "OperationOff") ? "OFF"
			  : !strcmp(name, "GoToStandby") ? "Standby" : NULL;
	IXML_Document *answer = NULL;
	if (order && refuses) {
		UpnpActionRequest_set_ErrCode(request, refuses);
		UpnpActionRequest_strcpy_ErrStr(request, "not while it boils");
		return;
	}
	if (order) {
		become(order);
		printf("%s\n", name);
		fflush(stdout);
	}
	if (!strcmp(name, "GetPowerState"))
		UpnpAddToActionResponse(&answer, name, SERVICE, "PowerState", state);
	if (!strcmp(name, "WakeUpMethod"))
		UpnpAddToActionResponse(&answer, name, SERVICE, "WakeMethod", "WoWLAN");
	if (strcmp(name, "Withdraw"))
		UpnpAddToActionResponse(&answer, name, SERVICE, "RegID", !strcmp(name, "StandbyPeriod") ? "4" : "0");
	else
		answer = UpnpMakeActionResponse(name, SERVICE, 0, NULL);
	UpnpActionRequest_set_ActionResult(request, answer);
	UpnpActionRequest_set_ErrCode(request, UPNP_E_SUCCESS);
}

static int heard(Upnp_EventType kind, const void *event, void *cookie)
{
	(void)cookie;
	if (kind == UPNP_CONTROL_ACTION_REQUEST)
		invoked((UpnpActionRequest *)event);
	if (kind == UPNP_EVENT_SUBSCRIPTION_REQUEST) {
		const char *values[] = {state};
		const UpnpSubscriptionRequest *request = event;
		UpnpAcceptSubscription(device, udn, ID, names, values, 1, UpnpSubscriptionRequest_get_SID_cstr(request));
	}
	return 0;
}

int main(int count, char **given)
{
	char url[200], line[100];
	int begun = count == 4 ? UpnpInit2(given[1], 0) : UPNP_E_INVALID_PARAM;
	if (begun != UPNP_E_SUCCESS) {
		printf("cannot begin: %d\n", begun);
		return 1;
	}
	UpnpSetWebServerRootDir(given[2]);
	snprintf(udn, sizeof udn, "uuid:%s", given[3]);
	snprintf(url, sizeof url, "http://%s:%d/device.xml", UpnpGetServerIpAddress(), UpnpGetServerPort());
	if (UpnpRegisterRootDevice4(url, heard, NULL, &device, AF_INET, NULL) != UPNP_E_SUCCESS)
		return 2;
	UpnpSendAdvertisement(device, 1800);
	printf("ready\n");
	fflush(stdout);
	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "become ", 7))
			become(line + 7);
		if (!strncmp(line, "refuse ", 7))
			refuses = atoi(line + 7);
	}
	UpnpUnRegisterRootDevice(device);
	UpnpFinish();
	return 0;
}
