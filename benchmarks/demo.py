"""Wall time of the demo by part: the run of ``make demo`` in a fresh folder, and where its seconds went.

Sampling happens in one thread and judging in others, at the same time, so the parts overlap and do not add up.

    python benchmarks/demo.py --samples 8
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import create_engine, text

RESULTS = Path(__file__).parent / "results" / "demo.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=8)
    samples = parser.parse_args().samples
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch, transformers, langgraph.graph"], check=True)
    imports = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "demo"
        command = [str(Path(sys.executable).with_name("alphadial")), "frontier", "tiny", "--split", "test"]
        started = time.perf_counter()
        subprocess.run([*command, "--samples", str(samples), "--out", str(out)], check=True, stdout=subprocess.DEVNULL)
        wall = time.perf_counter() - started
        with create_engine(f"sqlite:///{out}/attempts.sqlite").connect() as store:
            count, model_s, judge_s = store.execute(
                text("select count(*), sum(model_s), sum(judge_s) from attempts")
            ).one()
    workers = len(os.sched_getaffinity(0))
    result = {
        "samples": samples,
        "attempts": count,
        "wall_s": round(wall, 2),
        "imports_s": round(imports, 2),
        "sampling_s": round(model_s, 2),
        "judging_s_per_worker": round(judge_s / workers, 2),
        "attempts_per_s": round(count / wall, 1),
        "workers": workers,
        "load_average": os.getloadavg()[0],
    }
    print(json.dumps(result, indent=1))
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
