"""The gateway as a controlled device: what it offers to appliances, and how the home network learns of it.

Source: spec upnp-appliances.md, second table; UPnP Device Architecture 1.1. Nothing of `async_upnp_client`'s server
is left in it: docs/decisions.md says why.
"""
