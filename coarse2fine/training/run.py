"""A run: from a config to a workdir that holds a trained model."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any, Literal

import keras

from coarse2fine import backbones
from coarse2fine.data import EncodedSource, Source, load_source
from coarse2fine.data.source import GIVEN
from coarse2fine.errors import InputError
from coarse2fine.files import read_arrays
from coarse2fine.model import CoarseToFine
from coarse2fine.taxonomy import Taxonomy, load_taxonomy
from coarse2fine.training.batch_size import Say, find_batch_size
from coarse2fine.training.budget import keep_steps, kept_steps
from coarse2fine.training.build_model import build_again, make_backbone
from coarse2fine.training.checkpoints import Checkpoints
from coarse2fine.training.config import DEFAULTS, Config
from coarse2fine.training.fit import MakeCallbacks, fit
from coarse2fine.training.plan import Plan, make_plan
from coarse2fine.training.preprocessing import STATISTICS, check_preprocessing, make_preprocessing
from coarse2fine.training.strategy import make_strategy, precision, use_deterministic_operations
from coarse2fine.training.workdir import Workdir
from coarse2fine.training.workers import Workers

_DATA = (
    "dataset",
    "data_dir",
    "taxonomy",
    "seed",
    "image_size",
    "shorter_side",
    "test_fraction",
    "skip_bad_images",
    "cache_dir",
    "cache_images",
)


@dataclasses.dataclass(frozen=True)
class Run:
    """A run with its model.

    Attributes:
        workdir: its folder.
        config: its resolved config.
        taxonomy: of its classes.
        preprocess: layer from uint8 images to what the model takes.
        model: with a checkpoint's weights.
        step: the updates that these have behind them.
        checkpoint: which one it is, as of `load_run`.
    """

    workdir: Workdir
    config: Config
    taxonomy: Taxonomy
    preprocess: keras.layers.Layer
    model: CoarseToFine
    step: int
    checkpoint: Literal["newest", "best"] = "newest"


def data_key(config: Config) -> tuple[Any, ...]:
    """All that `load_split` reads of a config: equal keys, equal sources."""
    return tuple(getattr(config, name) for name in _DATA)


def load_split(config: Config, split: str, taxonomy: Taxonomy | None = None) -> Source:
    """The `train` or `test` split of a config's data set.

    Args:
        config: names the set, and the taxonomy (task or file) where it is not the set's own.
        split: `train` or `test`.
        taxonomy: in place of the config's.
    """
    if taxonomy is None and config.taxonomy is not None:
        taxonomy = load_taxonomy(config.taxonomy)
    return load_source(
        config.dataset,
        split,
        config.data_dir,
        taxonomy,
        config.seed,
        config.image_size,
        config.shorter_side,
        config.test_fraction,
        check_sizes=not config.skip_bad_images,
        cache_dir=config.cache_dir,
        cache_images=config.cache_images,
    )


def load_run(workdir: str | pathlib.Path, checkpoint: Literal["newest", "best"] = "newest") -> Run:
    """The run in a workdir, with the weights of a checkpoint.

    Args:
        workdir: of the run.
        checkpoint: `newest`, or `best`, of the epoch with the best validation accuracy.

    Raises:
        InputError: no run, no checkpoint, or one that does not fit.
    """
    home = Workdir(pathlib.Path(workdir))
    config, taxonomy = home.read_config(), home.read_taxonomy()
    image_shape = home.read_image_shape()
    statistics = read_arrays(home.preprocessing_file, STATISTICS[config.preprocess])
    preprocess = make_preprocessing(config.preprocess, statistics, image_shape, config.backbone)
    model = build_again(config, taxonomy, image_shape, home)
    checkpoints = Checkpoints(home.checkpoints, model, taxonomy)
    state = checkpoints.restore_best() if checkpoint == "best" else checkpoints.restore()
    if state is None:
        what = "no checkpoint" if checkpoint == "newest" else "no best checkpoint"
        raise InputError(f"The run in {home.path} has {what} yet. Train it first.")
    return Run(home, config, taxonomy, preprocess, model, state["step"], checkpoint)


def train(
    config: Config,
    workdir: str | pathlib.Path,
    callbacks: MakeCallbacks = lambda name, steps: (),
    source: Source | None = None,
    test_source: Source | None = None,
    say: Say = lambda line: None,
) -> Run:
    """Trains, or goes on where an earlier call in the same workdir stopped.

    A finished run is loaded, not trained again; with more `steps` than it had it goes on, under the
    learning rates that these give. With `config.refit`, `workdir/search` holds the run
    with validation, and `workdir` the one that replays its learning rates on all training images.

    Args:
        config: of the run.
        workdir: the run's folder; all that is written lies below it.
        callbacks: from a run's name (its folder's; of a search, `<run>/search`) and number of
            updates to callbacks of Keras, for progress bars and the like. They watch: none may
            set `stop_training`.
        source: the training split, where it has been loaded before; by the config's taxonomy where
            it names one.
        test_source: likewise the test split, for `config.track_test_accuracy`.
        say: takes a line about what the config left open, before training begins: the number that
            `batch_size="auto"` or a `budget` came to. A workdir that has a run keeps that run's
            batch, and the updates of its budget; those of another budget are measured anew.

    Raises:
        InputError: data, config or workdir that cannot be used, or that another process has; a
            loss that is not finite; a callback that sets `stop_training`.
        Interrupted: SIGTERM or Ctrl-C stopped it; a checkpoint has been saved.
        WorkerLost: with strategy `multi_worker`, another worker has ended.
    """
    workers = _check_before_writing(config)
    if source is None:
        source = load_split(config, "train")
    elif config.taxonomy is not None:
        load_taxonomy(config.taxonomy).check_same(
            source.taxonomy.fingerprint, f"The source given beside taxonomy {config.taxonomy!r}"
        )
    _check_cache(config, source)
    config = config.replace(dataset=source.dataset)
    home = Workdir(pathlib.Path(workdir))
    _check_backbone(config, source, home)
    if config.batch_size == "auto":
        config = config.replace(batch_size=_batch_size(config, source, home, say))
        _check_slices(config)
    budget = config.budget
    if budget is not None:
        steps = kept_steps(config, source, home.path, say)
        config = config.replace(budget=None, steps=steps)
    if config.track_test_accuracy and test_source is None:
        test_source = load_split(config, "test")
    search = make_plan(source, config.replace(refit=False)) if config.refit else None
    plan = make_plan(source, config if search is None else _replay_config(search.config))
    claimed = plan.config if search is None else search.config.replace(refit=True)
    with workers.together(), home.held() if workers.is_chief else contextlib.nullcontext():
        with workers.chief_first():
            home.claim(claimed, source, plan.partition, plan.fine_labels_changed)
            keep_steps(budget, config.steps, home.path)
        if config.refit:
            plan = _with_rates_of_search(plan, source, config, home, callbacks, test_source)
        fitted = fit(plan, home, callbacks, test_source)
    return Run(
        home, home.read_config(), source.taxonomy, fitted.preprocess, fitted.model, plan.steps
    )


def _check_before_writing(config: Config) -> Workers:
    # Before all else: a strategy of several workers must be made before TensorFlow is used.
    strategy = make_strategy(config.strategy, config.logical_cpus)
    use_deterministic_operations(config.deterministic)
    backbones.find(config.backbone)
    if config.batch_size != "auto":
        _check_slices(config)
    return Workers(strategy)


def _check_slices(config: Config) -> None:
    replicas = make_strategy(config.strategy, config.logical_cpus).num_replicas_in_sync
    if config.images_per_step % replicas:
        raise InputError(
            f"A batch of {config.batch_size} cannot be cut into equal slices for {replicas} "
            f"replicas. Use a multiple of {replicas} as batch_size."
        )


def _check_cache(config: Config, source: Source) -> None:
    """Raises `InputError` where a source given in Python has not the cache that the config asks."""
    has_cache = isinstance(source, EncodedSource) and source.cache is not None
    if has_cache != config.cache_images:
        raise InputError(
            f"cache_images is {config.cache_images}, and the source given beside it "
            f"{'has a' if has_cache else 'has no'} cache of decoded images. Load the source with "
            "load_split(config, ...), or change cache_images."
        )
    if config.cache_dir is not None and source.dataset == GIVEN and not has_cache:
        raise InputError(
            f"The images of this run are given in Python: cache_dir {config.cache_dir} would be "
            "ignored. Leave it out."
        )


def _batch_size(config: Config, source: Source, home: Workdir, say: Say) -> int:
    """The number of the run that is here, or the largest for a new one."""
    if home.config_file.exists():
        size = home.read_config().images_per_step
        say(f"batch_size auto: {size} (as the run in {home.path} began)")
        return size
    configs = [config, _replay_config(config)] if config.refit else [config]
    return find_batch_size([(each, source) for each in configs], say)


def _check_backbone(config: Config, source: Source, home: Workdir) -> None:
    """Raises `InputError` where a new run's backbone cannot be made for the source's images."""
    check_preprocessing(config.preprocess, config.backbone, source.image_shape)
    if not home.config_file.exists():
        with precision(config.precision):
            make_backbone(config, source.image_shape)


def plan_of(run: Run, source: Source) -> Plan:
    """The plan that a run was trained by.

    Args:
        run: finished or not.
        source: the training split of its data set.
    """
    config = run.config
    return make_plan(source, _replay_config(config) if config.refit else config)


def _replay_config(config: Config) -> Config:
    """Of the run that replays a search's learning rates on all training images."""
    return config.replace(
        refit=False,
        schedule="milestones",
        validation_fraction=0.0,
        plateau_patience=DEFAULTS["plateau_patience"],
        plateau_factor=DEFAULTS["plateau_factor"],
    )


def _with_rates_of_search(
    plan: Plan,
    source: Source,
    config: Config,
    home: Workdir,
    callbacks: MakeCallbacks,
    test_source: Source | None,
) -> Plan:
    """Runs the search with validation; the plan with its learning rates, update by update."""
    name = home.path.name

    def search_callbacks(search: str, steps: int) -> Sequence[keras.callbacks.Callback]:
        return callbacks(str(pathlib.PurePath(name, search)), steps)

    search_config = config.replace(refit=False)
    search = train(search_config, home.path / "search", search_callbacks, source, test_source)
    state = Checkpoints(search.workdir.checkpoints, search.model, search.taxonomy).read_state()
    changes = state["plateau"]["changes"] if state else []
    milestones = tuple(
        (step / plan.steps, rate / config.learning_rate)
        for step, rate in changes
        if step < plan.steps
    )
    return dataclasses.replace(plan, config=plan.config.replace(milestones=milestones))
