"""The laboratory: golden disks, bare machines, a LAN with a foreign DHCP server, and the appliance in it.

Read in this order: :mod:`.golden` (what is cloned), :mod:`.network`, :mod:`.machine`,
:mod:`.appliance` (how the product is used), :mod:`.lab` (all of it together), :mod:`.demo`.
Nothing here patches the product: it is driven by its command line and watched on its wire.
"""
