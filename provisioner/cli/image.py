"""``clonesys image``: capture, restore, check and list images.

Each verb parses, calls :mod:`provisioner.store.operations`, prints. With
``--json`` the long ones tell what they did, in bytes and seconds; what is not JSON
goes to standard error.
"""

from __future__ import annotations

import dataclasses
import getpass
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from initramfs.agent.chunks import HttpChunks
from initramfs.agent.disk.capture import Count, Facts
from initramfs.agent.disk.header import Header
from initramfs.agent.disk.layout import Layout
from initramfs.agent.disk.manifest import Manifest
from initramfs.agent.disk.outcome import Outcome
from initramfs.agent.disk.source import ChunkSource
from initramfs.agent.fetch import Appliance, Clock
from provisioner.cli import image_inside, image_shrink
from provisioner.cli.bars import bar, size
from provisioner.cli.context import Context, of
from provisioner.cli.image_common import Image, load, store_of
from provisioner.cli.output import AsJson, clock, print_facts, print_json, print_table, say
from provisioner.cli.stages import Stages
from provisioner.errors import ProvisionerError
from provisioner.home import Home
from provisioner.keys import load_private_key, load_public_key
from provisioner.receipt import Carrier, carriers, open_signed
from provisioner.store import operations
from provisioner.store.audit import Audit, audit
from provisioner.store.directory import DirectoryStore
from provisioner.store.exports import Format, export_image
from provisioner.store.imports import raw_file
from provisioner.store.names import LATEST, Reference, Wanted, check_name
from provisioner.store.operations import Options
from provisioner.store.repair import repair
from provisioner.words import parse_grow

app = typer.Typer(name="image", help="Images: capture, restore, check.", no_args_is_help=True)

KIB = 1 << 10
PATIENCE = 30.0
"""Seconds that ``restore --from`` waits for a server that is away."""

Name = Annotated[str, typer.Argument(help="In CloneSys style: sda5_Debian, sda_InitClone.")]
Description = Annotated[str, typer.Option(help="One line for people.")]
User = Annotated[str, typer.Option(help="Who does this; you, if not given.")]
Number = Annotated[int | None, typer.Option("--partition", help="Only this partition of the disk.")]
Force = Annotated[bool, typer.Option("--force", help="Although it is mounted or not in order; recorded.")]
WithoutSwap = Annotated[
    bool, typer.Option("--without-swap", help="Keep no content of swap, page and hibernation files.")
]
ChunkSize = Annotated[int, typer.Option(help="KiB: a power of two from 64 to 4096.")]


@app.command()
def capture(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(help="A disk, a partition, or a file that holds one.")],
    name: Name,
    *,
    partition: Number = None,
    empty: Annotated[
        list[int] | None, typer.Option(help="Partitions recorded as zeros (repeatable).")
    ] = None,
    description: Description = "",
    user: User = "",
    chunk_size: ChunkSize = 1024,
    level: Annotated[int, typer.Option(min=1, max=19, help="zstd's.")] = 3,
    force: Force = False,
    without_swap: WithoutSwap = False,
    as_json: AsJson = False,
) -> None:
    """Add an image, or its next generation: what is in use is read, what is known is not stored again."""
    options = Options(partition, tuple(empty or ()), chunk_size * KIB, level, force, without_swap)
    _add(of(context), source, _facts(name, str(source), description, user), options, as_json=as_json)


@app.command("import")
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A raw, qcow2 or partclone image, also .gz/.zst; a folder.")],
    name: Name,
    *,
    description: Description = "",
    user: User = "",
    chunk_size: ChunkSize = 1024,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Add an image from a raw file, a CloneSys .gz, qcow2, a partclone image or a Clonezilla folder."""
    home = of(context).home
    facts = _facts(name, str(file), description, user)
    with raw_file(file, Home(home).store / "unpacked") as raw:
        _add(of(context), raw, facts, Options(chunk_size=chunk_size * KIB, force=force), as_json=as_json)


@app.command()
def restore(
    context: typer.Context,
    name: Image,
    target: Annotated[Path, typer.Argument(help="A disk, a partition or a file; a new file is made.")],
    *,
    partition: Number = None,
    from_: Annotated[
        str, typer.Option("--from", metavar="URL", help="An appliance to get chunks from.")
    ] = "",
    delta: Annotated[
        bool,
        typer.Option(
            "--delta/--no-delta", help="Read the target first, where that pays; fetch and write what differs."
        ),
    ] = True,
    discard: Annotated[bool, typer.Option(help="Tell the disk which parts of it are unused.")] = True,
    grow: Annotated[
        str, typer.Option(metavar="last|N", help="Let this partition and its file system fill the disk.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before overwriting.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write an image, read it back, and only then make it bootable."""
    home, began = of(context).home, time.monotonic()
    image, reference = load(home, name)
    fresh = not target.exists()

    def agree(layout: Layout, failure: str) -> None:
        if failure:
            sys.stderr.write(f"warning: the last restore to {target} did not end: {failure}\n")
        if not (yes or fresh):
            _ask(image, layout, target)

    with (
        _source(home, from_) as source,
        operations.open_target(target, image) as device,
        bar(quiet=as_json) as progress,
    ):
        stages = Stages(progress)
        outcome = operations.restore_image(
            image,
            source,
            device,
            partition=partition,
            agree=agree,
            delta=delta and not fresh,
            discard=discard,
            grow=_growing(grow),
            tell=_tell,
            progress=stages,
        )
    numbers = _numbers(outcome) | {"stages": stages.seconds()}
    _done(reference, numbers, time.monotonic() - began, as_json=as_json)


@app.command()
def export(
    context: typer.Context,
    name: Image,
    file: Annotated[Path, typer.Argument(help="A new file, or a folder for one.")],
    *,
    form: Annotated[Format, typer.Option("--format", help="gz: as CloneSys kept them.")] = Format.RAW,
    as_json: AsJson = False,
) -> None:
    """Write an image as a raw (sparse), qcow2 or gzipped file."""
    home, began = of(context).home, time.monotonic()
    image, reference = load(home, name)
    with bar(quiet=as_json) as progress:
        outcome = export_image(image, store_of(home), file, form, progress)
    _done(reference, _numbers(outcome), time.monotonic() - began, as_json=as_json)


@app.command()
def verify(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME[@GENERATION]]...")] = None,
    *,
    set_aside: Annotated[
        bool, typer.Option(help="Move corrupt chunks away: a capture then adds them anew.")
    ] = False,
    repair_from: Annotated[
        Path | None,
        typer.Option(
            "--repair", metavar="FROM", help="A store's folder, a device or raw file to repair from."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Decompress and hash every chunk of these images, or of all. Exit status 1 if one stays bad."""
    home, began = of(context).home, time.monotonic()
    store, key = store_of(home), load_public_key(home)
    wanted = [load(home, name)[0] for name in names] if names else list(operations.everything(store, key))
    with bar(quiet=as_json) as progress:
        result = audit(store, wanted, progress)
        if repair_from is not None and not result.ok:
            _repair(store, result, wanted, repair_from)
    for digest in result.corrupt if set_aside else ():
        store.set_aside(bytes.fromhex(digest))
    if as_json:
        seconds = round(time.monotonic() - began, 3)
        print_json({"ok": result.ok, **dataclasses.asdict(result), "seconds": seconds})
    for kind, digests in (("corrupt", result.corrupt), ("missing", result.missing)):
        for digest in () if as_json else digests:
            say(f"{kind}: chunk {digest} of {', '.join(result.images[digest])}")
    if not result.ok:
        raise ProvisionerError(
            f"{len(result.corrupt)} chunks are corrupt, {len(result.missing)} are missing",
            "repair them with --repair FROM; or --set-aside, and capture or import the same content again",
        )
    if not as_json:
        mended = f", {len(result.repaired)} repaired" if result.repaired else ""
        say(f"{len(wanted)} images, {result.chunks} chunks: all whole{mended}")


@app.command("list")
def list_(context: typer.Context, *, as_json: AsJson = False) -> None:
    """All images and their generations."""
    home = of(context).home
    there = list(operations.everything(store_of(home), load_public_key(home)))
    if as_json:
        print_json([_summary(image) for image in there])
        return
    rows = [
        (image.title, image.header.kind, size(image.header.size), size(_used(image)),
         clock(image.header.date), image.header.user, image.header.description)
        for image in there
    ]  # fmt: skip
    print_table(("image", "kind", "size", "data", "date", "user", "description"), rows)


@app.command()
def show(context: typer.Context, name: Image, *, as_json: AsJson = False) -> None:
    """What an image is."""
    image, _ = load(of(context).home, name)
    if as_json:
        print_json({**dataclasses.asdict(image.header), **_summary(image)})
        return
    header = image.header
    facts = {
        "Image": image.title,
        "Kind": header.kind,
        "Size": size(header.size),
        "Data": size(_used(image)),
        "Firmware": header.firmware,
        "Label": f"{header.label.type} {header.label.id}" if header.label else "",
        "Origin": header.origin,
        "User": header.user,
        "Date": clock(header.date),
        "Comment": header.description,
        "Warnings": "; ".join(header.warnings),
        "Digest": image.digest.hex(),
    }
    print_facts(facts.items())
    print_table(("partition", "type", "size", "file system", "label", "used"), _partitions(header))


@app.command()
def where(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME[@GENERATION]", help="All generations, if none is given.")
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """The disks that provably carry an image, by the latest receipts."""
    ours = of(context)
    wanted = Wanted.parse(name)
    if name.endswith(f"@{LATEST}"):
        wanted = Wanted(wanted.name, store_of(ours.home).resolve(name).generation)
    found = [
        carrier
        for carrier in _all_carriers(ours)
        if carrier.image == wanted.name and wanted.generation in (None, carrier.generation)
    ]
    if as_json:
        print_json(found)
        return
    columns = ("image", "host", "partition", "disk", "serial", "wwn", "proved", "job")
    print_table(columns, [_carrier(carrier) for carrier in found])


@app.command("rm")
def remove(
    context: typer.Context,
    name: Image,
    *,
    all_: Annotated[bool, typer.Option("--all", help="All generations.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove a generation of an image. Its chunks stay until 'image gc'."""
    store = store_of(of(context).home)
    reference = store.resolve(name)
    generations = store.generations(reference.name) if all_ else [reference.generation]
    gone = [store.resolve(f"{reference.name}@{number}") for number in generations]
    if not yes:
        typer.confirm(f"Remove {', '.join(map(str, gone))}?", abort=True, err=True)
    for item in gone:
        store.remove(item)
    if as_json:
        print_json({"removed": [str(item) for item in gone]})


@app.command("gc")
def collect(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Delete the chunks that no image and no job needs any more; captures may go on beside it."""
    from provisioner import images  # noqa: PLC0415 - as in cli.context: it loads the database

    home = of(context).home
    count, freed = operations.prune(store_of(home), load_public_key(home), images.demand(home))
    if as_json:
        print_json({"chunks": count, "bytes": freed})
    else:
        say(f"{count} chunks deleted, {size(freed)}")


for command in (*image_inside.COMMANDS, image_shrink.shrink):
    app.command()(command)


# --- shared by the verbs -----------------------------------------------------------------------------------


def _repair(store: DirectoryStore, result: Audit, wanted: list[Manifest], origin: Path) -> None:
    bad = [bytes.fromhex(digest) for digest in (*result.corrupt, *result.missing)]
    for digest in sorted(name.hex() for name in repair(store, bad, wanted, origin)):
        result.repaired.append(digest)
        for listed in (result.corrupt, result.missing):
            if digest in listed:
                listed.remove(digest)


def _all_carriers(context: Context) -> list[Carrier]:
    from provisioner.state import receipts  # noqa: PLC0415 - as in cli.context: it loads the database

    key = load_public_key(context.home)
    with context.database() as database:
        kept = [open_signed(signed, key) for signed in receipts.all_receipts(database)]
        return carriers(kept, receipts.unproved_writes(database))


def _carrier(found: Carrier) -> tuple[str, ...]:
    part = str(found.partition) if found.partition else "all"
    if found.replaced:
        part += f" but {', '.join(map(str, found.replaced))}"
    image = f"{found.image}@{found.generation}"
    return image, found.host, part, found.disk, found.serial, found.wwn, clock(found.received), str(found.job)


def _facts(name: str, source: str, description: str, user: str) -> Facts:
    origin = f"{socket.gethostname()}:{source}"
    return Facts(check_name(name), description, origin, user or getpass.getuser(), int(time.time()))


def _add(context: Context, source: Path, facts: Facts, options: Options, *, as_json: bool) -> None:
    began = time.monotonic()
    key = load_private_key(context.home)
    with bar(quiet=as_json) as progress:
        options = dataclasses.replace(options, progress=progress)
        reference, header, count = operations.add_image(store_of(context.home), key, source, facts, options)
    for warning in header.warnings:
        sys.stderr.write(f"warning: {warning}\n")
    _done(reference, _counted(count), time.monotonic() - began, as_json=as_json)


@contextmanager
def _source(home: Path, url: str) -> Iterator[ChunkSource]:
    """The local store, or chunks over HTTP. The manifest is the local store's: it says what is right."""
    if not url:
        yield store_of(home)
        return
    if not url.startswith("http://"):
        raise ProvisionerError(f"{url} is no URL of an appliance", "it looks like http://192.0.2.1:8080")
    appliance = Appliance(url.rstrip("/"), Clock(time.monotonic, time.sleep), patience=PATIENCE)
    try:
        yield HttpChunks(appliance)
    finally:
        appliance.close_all()


def _growing(text: str) -> int | None:
    try:
        return parse_grow(text or "none")
    except ValueError as error:
        raise ProvisionerError(str(error)) from error


def _tell(words: str) -> None:
    sys.stderr.write(f"note: {words}\n")


def _ask(image: Manifest, layout: Layout, target: Path) -> None:
    where = ", ".join(f"partition {number}" for number in _written(layout)) or "everything"
    typer.confirm(f"{image.title} overwrites {where} on {target}. Go on?", abort=True, err=True)


def _written(layout: Layout) -> list[int]:
    """The partitions that a restore writes to, if it leaves others alone."""
    if layout.whole or layout.label is None:
        return []
    return [area.number for area in layout.label.areas if any(layout.extents(area.start, area.end))]


def _counted(count: Count) -> dict[str, int]:
    return {
        "bytes_read": count.bytes_read,
        "bytes_sent": count.bytes_sent,
        "bytes_written": count.bytes_sent,
        "bytes_skipped": count.bytes_skipped,
        "chunks": count.chunks,
        "chunks_sent": count.chunks_sent,
    }


def _numbers(outcome: Outcome) -> dict[str, Any]:
    return {**dataclasses.asdict(outcome), "bytes_sent": outcome.bytes_fetched}


def _done(reference: Reference, numbers: dict[str, Any], seconds: float, *, as_json: bool) -> None:
    if as_json:
        facts: dict[str, Any] = {"image": str(reference), "digest": reference.digest, **numbers}
        print_json(facts | {"seconds": round(seconds, 3)})
        return
    say(
        f"{reference}: {size(numbers['bytes_read'])} read, {size(numbers['bytes_sent'])} transferred, "
        f"{size(numbers['bytes_written'])} written, {size(numbers['bytes_skipped'])} skipped "
        f"in {seconds:.1f} s"
    )


def _summary(image: Manifest) -> dict[str, Any]:
    header = image.header
    return {
        "name": header.name, "generation": header.generation, "digest": image.digest.hex(),
        "kind": header.kind, "size": header.size, "data": _used(image), "ranges": len(image.index),
        "date": header.date, "user": header.user, "origin": header.origin, "description": header.description,
    }  # fmt: skip


def _used(image: Manifest) -> int:
    return sum(item.length for item in image.index if any(item.digest))


def _partitions(header: Header) -> Iterator[tuple[str, ...]]:
    found = {item.partition: item for item in header.filesystems}
    for part in header.label.partitions if header.label else ():
        inside = found.pop(part.number, None)
        about = (inside.type, inside.label, size(inside.used)) if inside else ("", part.name, "")
        yield (str(part.number), part.type, size(part.size), *about)
    for inside in found.values():
        yield ("", "", size(inside.size), inside.type, inside.label, size(inside.used))
