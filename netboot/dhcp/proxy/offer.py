"""The answer to a DHCP packet: the whole decision, no socket, no clock, no log.

Ports 67 and 4011 call the same function. The answers lease nothing: ``yiaddr``
stays zero and the site's own DHCP server gives the address. They say the same
thing in every place where some firmware looks for it.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from netboot.dhcp.codec.options import (
    IpxeOption,
    MessageType,
    Option,
    PxeOption,
    read_options,
    write_options,
    write_text,
)
from netboot.dhcp.codec.packet import BOOTREPLY, BROADCAST_FLAG, NO_ADDRESS, Packet
from netboot.dhcp.proxy.classify import HTTP_CLASS, PXE_CLASS
from netboot.dhcp.proxy.form import Form
from netboot.errors import ProtocolError
from netboot.loaders import file_for
from netboot.model import Ignore, Program

if TYPE_CHECKING:
    from netboot.model import Boot, Client, Endpoint


class Listener(IntEnum):
    """Which of our two sockets a packet came to, by the port's official number."""

    DHCP = 67
    BINL = 4011


_JUST_DOWNLOAD = bytes([8])
"""Discovery control, bit 3 alone: load the named file, without menu, prompt or discovery."""
_ABOVE_OTHERS = bytes([1])
"""A priority for iPXE, whose settings have 0: above an offer that says nothing of it, below an
administrator's who says more."""
_FILE_FIELD = 127


def offer(
    request: Packet, client: Client, boot: Boot, here: Endpoint, *, form: Form, listener: Listener
) -> Packet | Ignore:
    """What to answer ``client``, or why nothing.

    A LocalDisk is answered like a kernel: the script hands back to the firmware, which
    is quicker than letting it run into its time-outs.
    """
    if isinstance(boot, Ignore):
        return boot
    kind = reply_type(request, here, listener)
    if isinstance(kind, Ignore):
        return kind
    name = file_for(client, here)
    if isinstance(name, Ignore):
        return name
    options = _options(request, client, kind, here, name) | _vendor(request, client, form, listener)
    return Packet(
        op=BOOTREPLY,
        xid=request.xid,
        chaddr=request.chaddr,
        htype=request.htype,
        # A client without an address cannot be unicast to, neither by us nor by a relay.
        flags=request.flags if int(request.ciaddr) else request.flags | BROADCAST_FLAG,
        # RFC 2131 table 3: zero in an OFFER, the client's in an ACK.
        ciaddr=request.ciaddr if kind is MessageType.ACK else NO_ADDRESS,
        siaddr=here.address,
        giaddr=request.giaddr,
        sname=str(here.address).encode(),
        file=name.encode() if len(name) <= _FILE_FIELD else b"",
        options=_relay_last(options, request),
    )


def reply_type(request: Packet, here: Endpoint, listener: Listener) -> MessageType | Ignore:
    """OFFER, ACK, or why this packet is not for us."""
    kind = request.message_type
    if listener is Listener.BINL:
        if kind not in (MessageType.REQUEST, MessageType.INFORM):
            return Ignore("only REQUEST and INFORM are answered on port 4011")
        return MessageType.ACK
    if kind is MessageType.DISCOVER:
        return MessageType.OFFER
    # RFC 2131 §4.3.2: a REQUEST that names another server is that server's business.
    if kind is MessageType.REQUEST and request.server_id == here.address:
        return MessageType.ACK
    return Ignore("meant for another server")


def destination(reply: Packet, client_port: int, server_port: int) -> tuple[str, int]:
    """Where an answer from port 67 goes (RFC 2131 §4.1): the relay, the client, or broadcast."""
    if int(reply.giaddr):
        return str(reply.giaddr), server_port
    if int(reply.ciaddr):
        return str(reply.ciaddr), client_port
    return "255.255.255.255", client_port


def _options(
    request: Packet, client: Client, kind: MessageType, here: Endpoint, name: str
) -> dict[int, bytes]:
    by_http = client.program is Program.HTTP_ROM
    options: dict[int, bytes] = {
        Option.MESSAGE_TYPE: bytes([kind]),
        Option.SERVER_ID: here.address.packed,
        Option.VENDOR_CLASS: HTTP_CLASS if by_http else PXE_CLASS,
        Option.TFTP_SERVER_NAME: write_text(str(here.address)),
        Option.BOOTFILE_NAME: write_text(name),
    }
    # RFC 6842 §3 for option 61; firmware drops an answer without its own option 97.
    echoed = (Option.CLIENT_MACHINE_ID, Option.CLIENT_ID)
    return options | {code: request.options[code] for code in echoed if code in request.options}


def _vendor(request: Packet, client: Client, form: Form, listener: Listener) -> dict[int, bytes]:
    """Option 43 or 175, if the answer needs one.

    For DIRECT option 43 holds discovery control. On port 4011 it repeats the boot item that was
    asked for (PXE 2.1 §2.2.5); without one there is no option 43, else edk2 would take
    the answer for a menu. For iPXE option 175 ranks the answer above that of an address server
    with a file name or an option 60 of its own. HTTP clients need nothing.
    """
    if client.program is Program.IPXE:
        return {Option.IPXE: write_options({IpxeOption.PRIORITY: _ABOVE_OTHERS})}
    if client.program is not Program.ROM:
        return {}
    if listener is Listener.BINL:
        item = _boot_item(request)
        return _encapsulated({PxeOption.BOOT_ITEM: item}) if item else {}
    return _encapsulated({PxeOption.DISCOVERY_CONTROL: _JUST_DOWNLOAD}) if form is Form.DIRECT else {}


def _boot_item(request: Packet) -> bytes:
    try:
        return read_options(request.options.get(Option.VENDOR_SPECIFIC, b"")).get(PxeOption.BOOT_ITEM, b"")
    except ProtocolError:
        return b""


def _encapsulated(inner: dict[int, bytes]) -> dict[int, bytes]:
    return {Option.VENDOR_SPECIFIC: write_options(inner)}


def _relay_last(options: dict[int, bytes], request: Packet) -> dict[int, bytes]:
    """RFC 3046 §2.2: the relay's option is copied, as the last one."""
    relay = request.options.get(Option.RELAY_AGENT_INFORMATION)
    return options if relay is None else options | {Option.RELAY_AGENT_INFORMATION: relay}
