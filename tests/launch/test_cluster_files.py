"""The files for clusters give each worker its TF_CONFIG and the flags."""

import json
import os
import pathlib
import re
import subprocess

import pytest

CLUSTER = pathlib.Path(__file__).parents[2] / "launch" / "cluster"
PRINT = '#!/bin/sh\necho "$TF_CONFIG"\necho "$@"\n'


@pytest.fixture
def programs(tmp_path):
    """Puts programs of these contents in place of the real ones; gives the environment."""

    def make(**contents):
        folder = tmp_path / "bin"
        folder.mkdir()
        for name, content in contents.items():
            (folder / name).write_text(content, encoding="utf-8")
            (folder / name).chmod(0o755)
        return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}

    return make


def run(command, environment, folder):
    return subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, check=False
    )


def check(output, workers, index, flags):
    config, arguments = output.splitlines()[:2]
    task = {"type": "worker", "index": index}
    assert json.loads(config) == {"cluster": {"worker": workers}, "task": task}
    assert arguments == f"launch/train.py --strategy=multi_worker {flags}"


@pytest.mark.parametrize("code", [0, 1, 75])
def test_slurm(programs, tmp_path, code):
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"{PRINT}exit {code}\n", encoding="utf-8")
    python.chmod(0o755)
    environment = programs(
        scontrol='#!/bin/sh\nif [ $1 = show ]; then printf "n1\\nn2\\n"; else echo "$@"; fi\n',
        srun='#!/bin/sh\nshift\nSLURM_PROCID=1 exec "$@"\n',
    )
    environment |= {"SLURM_JOB_NODELIST": "n[1-2]", "SLURM_JOB_ID": "7"}
    result = run(
        ["bash", CLUSTER / "slurm.sbatch", "--workdir=/a b", "--steps=3"], environment, tmp_path
    )
    check(result.stdout, ["n1:12345", "n2:12345"], 1, "--workdir=/a b --steps=3")
    assert result.returncode == code, result.stderr
    assert ("requeue 7" in result.stdout) == (code == 75)


def test_kubernetes(programs, tmp_path):
    text = (CLUSTER / "kubernetes.yaml").read_text(encoding="utf-8")
    (script,) = re.findall(r"- \|\n((?: {14}.*\n)+)", text)
    environment = programs(python=PRINT)
    environment |= {"WORKERS": "3", "JOB_COMPLETION_INDEX": "2"}
    result = run(["bash", "-c", script], environment, tmp_path)
    hosts = [f"coarse2fine-{number}.coarse2fine:12345" for number in range(3)]
    flags = "--workdir=/data/run --dataset=cifar100 --data_dir=/data/tfds --batch_size=256"
    check(result.stdout, hosts, 2, flags)
    # The pods' names are the job's with an index, below the service's.
    assert re.findall(r"^  name: (\S+)$", text, re.MULTILINE) == ["coarse2fine"] * 2
