"""The packages that cpack makes: what is in them, and that it works from where it is unpacked.

FAIRLEAD_PACKAGE_BUILD names the build directory (default: build/release); the program there must
have been built.
"""

import atexit
import functools
import gzip
import os
import re
import shutil
import stat
import tarfile
import tempfile
from pathlib import Path

from harness import Case
from processes import run

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("FAIRLEAD_PACKAGE_BUILD", ROOT / "build" / "release"))
EXPECTED = {
    "usr/bin/fairlead": 0o755,
    "usr/share/man/man1/fairlead.1.gz": 0o644,
    "usr/share/bash-completion/completions/fairlead": 0o644,
    "usr/share/zsh/vendor-completions/_fairlead": 0o644,
    "usr/share/fish/vendor_completions.d/fairlead.fish": 0o644,
    "usr/share/doc/fairlead/copyright": 0o644,
    "usr/share/doc/fairlead/README.md": 0o644,
}


@functools.cache
def packages():
    """A directory with what cpack makes, made once for all tests."""
    made = Path(tempfile.mkdtemp(prefix="fl-package-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    run(["cpack", "--config", BUILD / "CPackConfig.cmake", "-B", made], timeout=240, cwd=made)
    return made


class Package(Case):
    needs_docker = False
    limit = 300

    def setUp(self):
        super().setUp()
        self.made = packages()
        self.deb = self.only("*.deb")
        self.tree = self.root / "tree"

    def only(self, pattern):
        found = list(self.made.glob(pattern))
        self.assertEqual(len(found), 1, found)
        return found[0]

    def unpack(self):
        self.call(["dpkg", "-x", self.deb, self.tree])
        return self.tree

    def field(self, name):
        return self.call(["dpkg-deb", "-f", self.deb, name]).out.strip()

    def test_deb_has_the_right_files_with_the_right_modes(self):
        tree = self.unpack()
        for name, mode in EXPECTED.items():
            self.assertEqual(stat.S_IMODE((tree / name).stat().st_mode), mode, name)
        for path in tree.rglob("*"):
            info = path.lstat()
            place = path.relative_to(tree).as_posix()
            self.assertFalse(info.st_mode & 0o022, f"{place} is writable for others")
            self.assertFalse(info.st_mode & 0o6000, f"{place} is set-id")
            self.assertRegex(place, r"^usr(/(bin|share)(/.*)?)?$")
        for line in self.call(["dpkg-deb", "-c", self.deb]).out.splitlines():
            self.assertIn(" root/root ", line)

    def test_deb_says_what_it_needs_and_is(self):
        self.assertEqual(self.field("Package"), "fairlead")
        self.assertIn("libc6", self.field("Depends"))
        self.assertIn("zlib1g", self.field("Depends"))
        version = self.fairlead("--version").out.split()[1]
        self.assertEqual(self.field("Version").split("-")[0], version)

    def test_program_is_stripped_and_needs_only_what_is_declared(self):
        binary = self.unpack() / "usr/bin/fairlead"
        headers = self.call(["readelf", "-S", "-W", binary]).out
        self.assertNotIn(".debug_info", headers)
        self.assertNotIn(".symtab", headers)
        needed = re.findall(r"NEEDED.*\[(.+?)\]", self.call(["readelf", "-d", binary]).out)
        self.assertEqual([n for n in needed if not re.match(r"lib[cmz]\.so|ld-linux", n)], [])

    def test_program_works_from_the_clean_tree(self):
        binary = self.unpack() / "usr/bin/fairlead"
        first = self.call([binary, "--version"]).out.splitlines()[0]
        self.assertRegex(first, r"^fairlead \d+\.\d+\.\d+$")
        self.call([binary, "run", "--", "true"])
        self.assertEqual(self.call([binary, "run", "--", "sh", "-c", "exit 7"], check=False).rc, 7)

    def test_program_works_with_the_tree_as_its_root(self):
        """Nothing but the package and what it depends on: the C library and zlib."""
        if os.geteuid() != 0:
            self.unavailable("changing the root needs root")
        tree = self.unpack()
        linked = self.call(["ldd", tree / "usr/bin/fairlead"]).out
        for library in re.findall(r"(/\S+)", linked):
            place = tree / library.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(os.path.realpath(library), place)
        argv = ["chroot", tree, "/usr/bin/fairlead"]
        self.assertRegex(self.call([*argv, "--version"]).out, r"^fairlead \d")
        self.assertIn("completion", self.call([*argv, "--help"]).out)

    def test_completions_in_it_are_the_programs_own(self):
        share = self.unpack() / "usr/share"
        for shell, name in (
            ("bash", "bash-completion/completions/fairlead"),
            ("zsh", "zsh/vendor-completions/_fairlead"),
            ("fish", "fish/vendor_completions.d/fairlead.fish"),
        ):
            own = self.call([self.tree / "usr/bin/fairlead", "completion", shell]).out
            self.assertEqual((share / name).read_text(), own)
            self.assertIn("__complete", own)

    def test_manual_is_found_where_it_was_unpacked(self):
        share = self.unpack() / "usr/share"
        page = gzip.decompress((share / "man/man1/fairlead.1.gz").read_bytes())
        self.assertEqual(page, (ROOT / "docs/fairlead.1").read_bytes())
        found = self.call(["man", "-M", share / "man", "-w", "fairlead"]).out.strip()
        self.assertEqual(found, str(share / "man/man1/fairlead.1.gz"))

    def test_tgz_holds_the_same_files(self):
        usr = self.unpack() / "usr"
        deb = {p.relative_to(usr).as_posix() for p in usr.rglob("*") if p.is_file()}
        with tarfile.open(self.only("*.tar.gz")) as archive:
            names = [m for m in archive.getmembers() if m.isfile()]
            tgz = {re.sub(r"^[^/]+/(usr/)?", "", m.name) for m in names}
            self.assertEqual([m.name for m in archive.getmembers() if m.mode & 0o022], [])
        self.assertEqual(tgz, deb)

    def test_lintian_finds_no_error(self):
        if not shutil.which("lintian"):
            self.unavailable("lintian is not installed")
        argv = ["lintian", "--no-cfg", "--allow-root", "--fail-on", "none", self.deb]
        argv += ["--suppress-tags", "no-changelog"]
        errors = [line for line in self.call(argv, timeout=120).out.splitlines()
                  if line.startswith("E:")]
        self.assertEqual(errors, [])
