"""`make bench` runs all benchmarks. With ARGS="reads auth" it runs some: reads, auth, wire, freeze, upload, transcode,
jobs, clinic, bodies."""

import shutil
import sys

from benchmarks import auth, bodies, clinic, freeze, jobs, reads, transcode, upload, wire

PARTS = {
    "reads": reads.run,
    "auth": auth.run,
    "wire": wire.run,
    "freeze": freeze.run,
    "upload": upload.run,
    "transcode": transcode.run,
    "jobs": jobs.run,
    "clinic": clinic.run,
    "bodies": bodies.run,
}


def main(names: list[str]) -> int:
    if unknown := set(names) - set(PARTS):
        print(f"bench: Unknown: {', '.join(sorted(unknown))}. Choose from {', '.join(PARTS)}.", file=sys.stderr)
        return 2
    if shutil.which("wrk") is None and {"reads", "auth", "wire", "freeze", "clinic"} & set(names or PARTS):
        print("bench: wrk is not installed (Debian: apt install wrk).", file=sys.stderr)
        return 2
    missed = 0
    for name in names or PARTS:
        print(f"\n{name}", flush=True)
        missed += sum(not result.print() for result in PARTS[name]())
    print(f"\n{missed} goals missed." if missed else "\nAll goals reached.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
