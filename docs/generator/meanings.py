"""What the keys of profiles and configuration mean: one sentence each, by dotted path.

Only what code cannot say stands here. Type, bounds and default are read from the models, and a test proves
that every key has a meaning and every meaning a key.
"""

from __future__ import annotations

ACCEPTED = {
    "parse_size": 'size: bytes, or text like `"20 GB"`, `"16 GiB"`',
    "parse_partition": 'partition: `5`, `"sda5"` or `"nvme0n1p5"`',
    "parse_grow": '`"last"`, `"none"` or a partition',
    "_image": "image: `NAME` or `NAME@GENERATION`",
    "_hostname": "hostname",
    "_listen": "`ADDRESS:PORT`, IPv4",
    "_interface": "network interface",
    "_transport": "`nvme`, `sata`, `sas`, `scsi`, `virtio`, `usb`, `mmc` or `fc`",
    "_disk_name": "shell pattern",
    "_identity": "text",
    "_domain": "domain name in lower case",
    "_store": "absolute path of a directory, or `file:///…`",
}
"""What the functions that read a value accept, by their names."""

PROFILE = {
    "action": "What the machine does. [Boot profiles](../profiles.md#actions) describes each.",
    "description": "A line for people; a backup's image gets it too.",
    "firmware": (
        "Refuse machines that started with other firmware; checked when the profile is given to a host "
        "whose firmware is known."
    ),
    "then": (
        "What the agent does after success. `shell` leaves the machine running, with a shell at its console; "
        "nothing else can follow `rescue`."
    ),
    "disk": (
        "Which disk is meant. All keys that are given must hold, and exactly one disk must match. Empty: "
        "the machine's only disk. Removable and read-only disks never match."
    ),
    "disk.name": "The kernel's name, as a shell pattern: `sda`, `nvme*`.",
    "disk.serial": "The disk's serial number, exactly as `clonesys host show` tells it.",
    "disk.wwn": "The disk's world wide name, exactly as `clonesys host show --json` tells it.",
    "disk.path": (
        "The place where the disk is plugged in, as a shell pattern; `clonesys host show --json` tells it."
    ),
    "disk.transport": "The bus that the disk is on.",
    "disk.min_size": "The disk has at least this size.",
    "disk.max_size": "The disk has at most this size.",
    "images": "What is written; for a backup, under which names it is kept.",
    "images.track": (
        "Which generation a name without one means: the latest, or the one that `clonesys image promote` has "
        "chosen. Default: `images.track` in the configuration."
    ),
    "images.disk": "The image of a whole disk. Needed by `initinstall`; `restore` takes none.",
    "images.partitions": "Images of partitions, laid over the disk's image. `restore` needs at least one.",
    "backup": 'How a backup captures. For `action = "backup"` only.',
    "backup.empty": "Partitions that the image of a whole disk records as zeros.",
    "backup.without_swap": "Keep no content of swap, page and hibernation files.",
    "backup.only_partitions": (
        "Of a whole disk, keep nothing that lies in no partition, but tables and the boot code before the "
        "first one."
    ),
    "personalise": (
        "What makes the clone its own. Without this table nothing is changed. For `initinstall` and "
        "`restore` only."
    ),
    "personalise.root": "The number of the partition with the Linux root.",
    "personalise.hostname": "Its hostname. Default: the host's name in the appliance.",
    "personalise.domain": "Its domain. Default: the appliance's, `dns.domain` in the configuration.",
    "personalise.phone_home": "Install a unit that tells the appliance, once, that the system is up.",
    "personalise.ssh_host_keys": (
        "Make new SSH host keys for this host, or keep those of the image, which all of its clones share."
    ),
    "boot": "What must be there to start from. For `initinstall` only.",
    "boot.loader": (
        "Refuse, before the first write, a disk on which the machine's firmware finds nothing to start; or "
        "ignore that, for a disk that is not started from."
    ),
    "fit": "How images are fitted to the disk. For `initinstall` and `restore` only.",
    "fit.grow": "The partition that grows, with its file system, into the free room behind it.",
    "fit.grow_failure": (
        "What to do if its file system cannot grow: write it as it was captured and say so, or fail."
    ),
    "identity": (
        "The identifiers of disk, partitions and file systems, which all clones of an image share. For "
        "`initinstall` and `restore` only."
    ),
    "identity.uuids": "Keep the image's identifiers, or make new ones.",
    "identity.duplicates": (
        "What to do if another disk of the machine has the same identifiers: refuse the job, make new "
        "ones, or go on."
    ),
}

CONFIGURATION = {
    "database": "An SQLAlchemy URL. Empty: `clonesys.db` in the home directory.",
    "store": "The directory of the images. Empty: `store/` in the home directory.",
    "network": "What is served.",
    "network.interfaces": (
        "Serve these network interfaces only, HTTP included. Empty: every one. `clonesys serve --interface` "
        "overrides it."
    ),
    "tftp": "How loaders are sent.",
    "tftp.block_size": (
        "Largest block in bytes. The MTU bounds it anyway; set it where the path to the machines carries "
        "less, as a tunnel does, and they cannot join fragments: the path's MTU less 32."
    ),
    "http": "Boot files, API, chunks and web pages.",
    "http.listen": "Where HTTP is served. `clonesys serve --http-listen` overrides it.",
    "http.workers": "How many processes serve HTTP.",
    "dns": "Names of hosts.",
    "dns.domain": "Hosts answer as `NAME.DOMAIN`, and as the bare name. Empty: as the bare name only.",
    "contact": "How agents are dealt with. Minutes of silence count since the agent's last report.",
    "contact.nonce_minutes": "How long after the boot script an agent may make its first contact.",
    "contact.attempts": "How often a job may be started before it is given up.",
    "contact.stalled_minutes": "Silence after which a job is shown as stalled.",
    "contact.interrupted_minutes": "Silence after which a stalled job without attempts left is given up.",
    "contact.first_start_minutes": (
        "How long after a restore a system that should phone home may be silent, before its host is raised."
    ),
    "images": "What hosts get of images.",
    "images.track": (
        "Which generation a name without one means in a profile: the latest, or the one that "
        "`clonesys image promote` has chosen. Under `promoted`, a backup's new generation goes to no host "
        "until it is promoted. A profile may say otherwise for itself."
    ),
    "keep": "How long history is kept.",
    "keep.events_days": "Days until events, and machines that were only observed, are forgotten.",
}
