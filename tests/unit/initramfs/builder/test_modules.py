"""Choosing kernel modules."""

from initramfs.builder import modules

DEP = """\
kernel/fs/btrfs/btrfs.ko: kernel/lib/raid6.ko
kernel/lib/raid6.ko:
kernel/crypto/xxhash_generic.ko: kernel/lib/xxhash.ko
kernel/lib/xxhash.ko:
kernel/crypto/crc32c-intel.ko:
kernel/drivers/net/ethernet/intel/e1000.ko:
kernel/drivers/net/ethernet/r8169.ko: kernel/drivers/net/phy/libphy.ko
kernel/drivers/net/phy/libphy.ko:
kernel/sound/snd.ko:
"""
SOFT = """\
# Soft dependencies extracted from modules themselves.
softdep btrfs pre: xxhash64
softdep btrfs pre: crc32c-intel post: built_in_thing
"""
ALIAS = "alias crypto-xxhash64 xxhash_generic\nalias xxhash64 xxhash_generic\n"
INDEX = modules.parse(DEP, SOFT, ALIAS)


def names(paths: set[str]) -> set[str]:
    """Module names of paths."""
    return {modules.name_of(path) for path in paths}


def test_a_module_brings_what_it_depends_on() -> None:
    """Hard ones, soft ones by alias or name, from several softdep lines; built-in ones are no error."""
    kept, idle = modules.select(INDEX, ["fs/btrfs"], [])
    assert names(kept) == {"btrfs", "raid6", "xxhash_generic", "xxhash", "crc32c_intel"}
    assert idle == []


def test_a_folder_and_a_pattern_choose() -> None:
    """Folders take all below; patterns match paths."""
    kept, _ = modules.select(INDEX, ["drivers/net/ethernet"], [])
    assert names(kept) == {"e1000", "r8169", "libphy"}
    kept, _ = modules.select(INDEX, ["drivers/net/ethernet/*/e1000.ko"], [])
    assert names(kept) == {"e1000"}


def test_unwanted_modules_stay_if_others_need_them() -> None:
    """What is left out is what no other module needs."""
    kept, _ = modules.select(INDEX, ["drivers/net"], ["drivers/net/phy", "drivers/net/ethernet/intel"])
    assert names(kept) == {"r8169", "libphy"}


def test_a_pattern_that_matches_nothing_is_reported() -> None:
    """A driver that moved in a newer kernel must not vanish silently."""
    _, idle = modules.select(INDEX, ["fs/btrfs", "fs/ntfs3"], [])
    assert idle == ["fs/ntfs3"]
