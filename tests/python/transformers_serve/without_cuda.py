"""Lets PyTorch's wheel from PyPI start on a machine without NVIDIA's packages.

On Linux that wheel is linked against CUDA's libraries, which come as packages of their own and
take 4 GB, and it loads none of its own without them. The CPU needs nothing from them but their
names, so this writes small libraries that have these names: each function in them returns 100,
which CUDA defines as "no device". It needs a C compiler and objdump. Where PyTorch starts as it
is, as on a Mac, nothing is written.
"""

import collections
import pathlib
import re
import subprocess
import sys
import sysconfig
import tempfile

# How the names of CUDA's libraries, and of their functions that carry no version, begin.
LIBRARIES = re.compile(r"lib(cu|nv|nccl)")
FUNCTIONS = re.compile(r"(cu|nccl|nvshmem|nvrtc)")


def write_stand_ins():
    if subprocess.run([sys.executable, "-c", "import torch"], capture_output=True).returncode == 0:
        return
    folder = pathlib.Path(sysconfig.get_path("purelib"), "torch", "lib")
    needed = set()  # libraries
    versions = collections.defaultdict(set)  # of a library
    undefined = collections.defaultdict(set)  # functions of a version
    defined = set()  # functions
    for library in sorted(folder.glob("*.so*")):
        head = objdump("-p", library)
        needed |= set(re.findall(r"NEEDED\s+(\S+)", head))
        for name, block in re.findall(r"required from (\S+):\n((?:\s+0x.*\n)+)", head):
            versions[name] |= set(re.findall(r"(\S+)\n", block))
        for line in objdump("-T", library).splitlines():
            fields = line.split()
            if "*UND*" in fields:
                undefined[fields[-2].strip("()")].add(fields[-1])
            elif len(fields) > 4:
                defined.add(fields[-1])

    missing = sorted(n for n in needed if LIBRARIES.match(n) and not (folder / n).exists())
    loose = {f for f in undefined["Base"] - defined if FUNCTIONS.match(f)}
    for name in missing:
        by_version = {version: undefined[version] for version in versions[name]}
        compile_library(folder / name, by_version, set() if by_version else loose)


def compile_library(path, by_version, loose):
    """A library whose functions all return 100; `loose` are those without a version."""
    functions = sorted(set(loose).union(*by_version.values()))
    with tempfile.TemporaryDirectory() as scratch:
        source, script = pathlib.Path(scratch, "x.c"), pathlib.Path(scratch, "x.map")
        source.write_text("".join(f"int {f}(void) {{ return 100; }}\n" for f in functions))
        nodes = (f"{v} {{ {' '.join(f + ';' for f in sorted(fs))} }};\n" for v, fs in by_version.items())
        script.write_text("".join(nodes))
        command = ["cc", "-shared", "-fPIC", "-fno-builtin", "-w", f"-Wl,-soname,{path.name}"]
        if by_version:
            command.append(f"-Wl,--version-script,{script}")
        subprocess.run([*command, "-o", path, source], check=True)


def objdump(option, library):
    return subprocess.run(
        ["objdump", option, library], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
