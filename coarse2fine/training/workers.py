"""The processes that train one run together."""

import contextlib
import functools
from collections.abc import Callable, Iterator

import tensorflow as tf

from coarse2fine.data.pipeline import WHOLE, Slice
from coarse2fine.errors import WorkerLost
from coarse2fine.multi_worker import num_workers
from coarse2fine.training.config import Config
from coarse2fine.training.strategy import make_strategy

_BROKEN_OFF = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)


class Workers:
    """All processes of a strategy: one, but for `multi_worker`.

    All of them make the same calls in the same order, since each of these is an exchange; only the
    chief writes.

    Args:
        strategy: of the run.

    Attributes:
        count: how many there are.
        index: which of them this is; 0 is the chief.
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        self._strategy = strategy
        self.count = num_workers(strategy)
        self.index = strategy.cluster_resolver.task_id if self.count > 1 else 0

    @property
    def is_chief(self) -> bool:
        """Whether this is the one that writes."""
        return self.index == 0

    def any(self, flag: bool) -> bool:
        """Whether one of them has the flag: the same answer for all."""
        if self.count == 1:
            return flag
        return int(self._sum(tf.constant(int(flag)))) > 0

    @functools.cached_property
    def _sum(self) -> Callable[[tf.Tensor], tf.Tensor]:
        @tf.function(input_signature=[tf.TensorSpec((), tf.int32)], autograph=False)
        def total(number: tf.Tensor) -> tf.Tensor:
            values = self._strategy.run(lambda own: own, (number,))
            return self._strategy.reduce("SUM", values, axis=None)

        return total

    def wait(self) -> None:
        """Returns when all have come here."""
        self.any(False)

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Raises `WorkerLost` where an exchange inside is broken off since another has ended."""
        try:
            yield
        except _BROKEN_OFF as error:
            if self.count == 1:
                raise
            raise WorkerLost(
                "Another worker of this run has ended; its own messages say why. Start all of them "
                "again with the same command: the run goes on from its last checkpoint."
            ) from error

    @contextlib.contextmanager
    def chief_first(self) -> Iterator[None]:
        """What is inside is done by the chief and, once that is done, by the others."""
        if not self.is_chief:
            self.wait()
        yield
        if self.is_chief:
            self.wait()

    def distribute(
        self, batches: Callable[[Slice], tf.data.Dataset]
    ) -> tf.data.Dataset | tf.distribute.DistributedDataset:
        """Gives each replica its slice of every batch.

        Args:
            batches: makes those of a slice.
        """
        if self._strategy.num_replicas_in_sync == 1:
            return batches(WHOLE)

        def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
            total = context.num_replicas_in_sync
            count = total // context.num_input_pipelines
            return batches(Slice(context.input_pipeline_id * count, count, total))

        return self._strategy.distribute_datasets_from_function(of_worker)


def is_chief(config: Config) -> bool:
    """Whether this process writes the files of a run: it does, unless it is one of many workers."""
    return Workers(make_strategy(config.strategy, config.logical_cpus)).is_chief
