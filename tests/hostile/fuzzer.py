"""A small fuzzer that keeps the inputs that reach lines or steps of code not seen before."""

import random
import sys
import time

from hostile import attempt, mutated


class Fuzzer:
    """Changes inputs of a reader, again and again, for as long as it is given.

    An input that takes the reader over a pair of lines that none before did, one after the other,
    joins those that are changed further.

    Args:
        read: takes bytes.
        files: whose lines count.
        inputs: to begin with.
        seed: of the changes.
    """

    def __init__(self, read, files, inputs, seed=0):
        self._read = read
        self._files = frozenset(files)
        self._rng = random.Random(seed)
        self.seen = set()
        self.inputs = []
        self.num_runs = 0
        for content in inputs:
            self._run(content)
            self.inputs.append(content)

    def fuzz(self, seconds):
        """Raises what the reader raises, the input noted, unless that is an `InputError`."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            content = mutated(self._rng.choice(self.inputs), self._rng)
            if self._rng.random() < 0.1:
                other = self._rng.choice(self.inputs)
                content = content[: self._rng.randrange(len(content) + 1)] + other
            if len(content) < 100_000 and self._run(content):
                self.inputs.append(content)

    def _run(self, content):
        """Whether an input reaches what none before did."""
        self.num_runs += 1
        reached = set()
        last = 0

        def trace_line(frame, event, argument):
            nonlocal last
            here = hash((frame.f_code, frame.f_lineno))
            reached.add((last, here))
            last = here
            return trace_line

        def trace_call(frame, event, argument):
            return trace_line if frame.f_code.co_filename in self._files else None

        before = sys.gettrace()
        sys.settrace(trace_call)
        try:
            attempt(self._read, content)
        except BaseException as error:
            error.add_note(f"The input: {content!r}")
            raise
        finally:
            sys.settrace(before)
        is_new = not reached <= self.seen
        self.seen |= reached
        return is_new
