"""The slow layer: Debian's packages and the kernel's modules, cut down to what is declared.

``STEPS`` is the whole recipe, in order; each step is a function on a :class:`Work`.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from initramfs.builder import archive, modules, python, suites, tree
from initramfs.builder.apt import Package, apt_of
from initramfs.builder.errors import ContentError
from initramfs.builder.run import run
from initramfs.builder.spec import Spec

KERNEL = "vmlinuz"
RELEASE = "release"
ARCHIVE = "base.cpio.zst"
MODULES = "usr/lib/modules"
SELF_TEST = "etc/clonesys/selftest.json"


@dataclass(frozen=True, slots=True)
class Work:
    """One build of the layer: what is wanted, from which files, in which folder."""

    spec: Spec
    packages: tuple[Path, ...]
    tree: Path
    out: Path

    @property
    def release(self) -> str:
        """The kernel's release. Raises ContentError unless there is exactly one kernel."""
        found = [path.name for path in (self.tree / MODULES).glob("*")]
        if len(found) != 1:
            raise ContentError(f"expected one kernel in the packages, found {', '.join(found) or 'none'}")
        return found[0]


def unpack_packages(work: Work) -> None:
    """Everything in the packages but what is refused."""
    tree.lay_out(work.tree, work.spec.architecture_facts.loaders)
    for package in work.packages:
        tree.unpack(package, work.tree, work.spec.remove)


def take_kernel(work: Work) -> None:
    """The kernel is a file of its own beside the initramfs."""
    (work.out / RELEASE).write_text(work.release)
    kernel = work.tree / f"boot/vmlinuz-{work.release}"
    (work.out / KERNEL).write_bytes(kernel.read_bytes())
    kernel.unlink()
    kernel.parent.rmdir()


def choose_modules(work: Work) -> None:
    """The declared ones and what they need; raises ContentError if a pattern has become idle."""
    folder = work.tree / MODULES / work.release
    _depmod(work)
    index = modules.parse(
        *((folder / f"modules.{table}").read_text() for table in ("dep", "softdep", "alias"))
    )
    kept, idle = modules.select(index, work.spec.modules, work.spec.unwanted_modules)
    if idle:
        raise ContentError(
            f"no kernel module matches {', '.join(idle)}", "see [modules] in initramfs/builder/image.toml"
        )
    for path in index.dependencies.keys() - kept:
        (folder / path).unlink()
    _depmod(work)


def trim_module_tables(work: Work) -> None:
    """Drop what only depmod reads: modprobe looks into the binary tables."""
    folder = work.tree / MODULES / work.release
    for table in ("alias", "dep", "symbols", "symbols.bin", "order", "builtin", "builtin.modinfo"):
        (folder / f"modules.{table}").unlink()
    tree.drop_empty_folders(work.tree, MODULES)


def choose_programs(work: Work) -> None:
    """The declared ones, and the declared links."""
    tree.keep_programs(work.tree, work.spec.programs)
    for path, link in work.spec.links.items():
        (work.tree / path).parent.mkdir(parents=True, exist_ok=True)
        (work.tree / path).symlink_to(link.to)


def choose_libraries(work: Work) -> None:
    """What the remaining programs and Python modules are linked with."""
    folders = suites.library_folders(work.spec.architecture_facts)
    tree.sweep_libraries(work.tree, folders, work.spec.libraries)
    tree.drop_empty_folders(work.tree, "usr")


def compile_python(work: Work) -> None:
    """Bytecode instead of source."""
    python.check_version(work.tree)
    python.compile_tree(work.tree, suites.python_folders(work.spec.suite_facts))


def write_self_test(work: Work) -> None:
    """The list of what the image promises, for the agent's self test."""
    programs = {name: [[name, *p.test], list(p.status)] for name, p in work.spec.programs.items()}
    target = work.tree / SELF_TEST
    target.parent.mkdir(parents=True, exist_ok=True)
    filesystems = {kind: list(made.make) for kind, made in work.spec.filesystems.items()}
    wanted = {"programs": programs, "python": list(work.spec.python), "filesystems": filesystems}
    target.write_text(json.dumps(wanted, indent=1))


def check_links(work: Work) -> None:
    """No link may lead nowhere; raises ContentError."""
    at_run_time = ("etc/mtab",)
    if broken := [path for path in tree.dangling(work.tree) if path not in at_run_time]:
        raise ContentError(
            f"links that lead nowhere: {', '.join(broken)}", "see initramfs/builder/image.toml"
        )


def pack(work: Work) -> None:
    """One archive, compressed."""
    with (work.out / ARCHIVE).open("wb") as target:
        archive.compress(archive.pack(tree.entries(work.tree)), target)


STEPS: tuple[Callable[[Work], None], ...] = (
    unpack_packages,
    take_kernel,
    choose_modules,
    trim_module_tables,
    choose_programs,
    choose_libraries,
    compile_python,
    write_self_test,
    check_links,
    pack,
)


def build(
    spec: Spec, packages: tuple[Package, ...], cache: Path, out: Path, report: Callable[[str], None]
) -> None:
    """Make the layer's files in the folder ``out``. Raises BuildError."""
    report(f"fetching {len(packages)} packages")
    apt = apt_of(spec, cache)
    files = tuple(apt.download(packages))
    with tempfile.TemporaryDirectory(dir=cache, prefix="tree-") as folder:
        work = Work(spec, files, Path(folder), out)
        for step in STEPS:
            report(step.__name__.replace("_", " "))
            step(work)
    apt.prune(packages)


def _depmod(work: Work) -> None:
    run(["depmod", "-b", work.tree, work.release])
