"""The appliance's own UPnP side: found, described, commanded and listened to by any control point."""
