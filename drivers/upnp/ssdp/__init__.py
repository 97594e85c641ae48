"""SSDP (UPnP Device Architecture 2.0, 1): who announces what, who is asked, on which link."""
