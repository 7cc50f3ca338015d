"""The network with two heads, and its training step."""

import dataclasses
from typing import Any

import keras
import tensorflow as tf

from coarse2fine.data.cut_mix import cut_mix
from coarse2fine.data.pipeline import LABELS
from coarse2fine.errors import InputError, check_known
from coarse2fine.layers import (
    ClassFeatureMap,
    GlobalAvg,
    LogSumExpCoarse,
    MeanPoolCoarse,
    MinPoolCoarse,
    SoftMinPoolCoarse,
)
from coarse2fine.losses import MaskedTwoHeadedLoss
from coarse2fine.metrics import ParentAccuracy, TopKAccuracy
from coarse2fine.multi_worker import MultiWorkerModel, as_logs
from coarse2fine.taxonomy import Taxonomy

COARSE_SUPERVISION = ("min", "mean", "soft_min", "marginal")

FINE_TERM = ("batch", "labelled")

HEAD_LAYERS = ("extra_linear", "class_feature_map")
"""Names of the layers with weights behind the backbone."""


@keras.saving.register_keras_serializable("coarse2fine")
class CoarseToFine(MultiWorkerModel):
    """A classifier of both levels, learnt from images of which only some carry a fine label.

    The backbone's features give one feature map a fine class; their minimum over siblings, location
    by location, gives one a coarse class; the global average of a map is its class's score. With
    M_f the fine class maps of d locations i (Lei 2017, section IV):

        M_c[i, k] = min over children j of k of M_f[i, j]
        score[k] = sum over i of M[i, k] / d            on either level (Eq. 2, 3)
        loss(x) = has_fine(x) * fine_loss(x) + coarse_weight * coarse_loss(x)      (Eq. 7)

    `coarse_supervision` is what takes the minimum's place: what an image teaches of which only the
    coarse label is known. A minimum asks of all children of the label to respond, a mean lets each
    of them learn, and the marginal likelihood asks for any.

    `compile` needs an optimizer only: the loss and the metrics belong to the method.

    Args:
        backbone: model from images to features, `(batch, height, width, channels)` or
            `(batch, units)`.
        taxonomy: of the classes.
        coarse_weight: the paper's lambda, the weight of the coarse loss with `labels="mixed"`.
        coarse_supervision: how coarse scores follow from fine class maps: `min` (`MinPoolCoarse`,
            the paper's), `mean` (`MeanPoolCoarse`), `soft_min` (`SoftMinPoolCoarse`) or `marginal`
            (`LogSumExpCoarse` of the fine scores: a coarse class has the sum of its children's
            probabilities; the scores are less the best fine one, which changes none of these).
        soft_min_temperature: of `SoftMinPoolCoarse`.
        fine_term: what the sum of a batch's fine losses is divided by, with `labels="mixed"`:
            `batch`, its images, as in Eq. 7, or `labelled`, those that have a fine label.
        coarse_term: of `MaskedTwoHeadedLoss`, with `labels="mixed"`.
        label_smoothing: of `MaskedTwoHeadedLoss`.
        cutmix: share of the images that training gives a rectangle of another one, and its labels
            with it, as of `cut_mix`: one of the batch, or of the part of it that a replica has.
        cutmix_seed: of its random numbers, a function of this, the update and the replica.
        labels: what the model learns from. `mixed`: fine labels where there are any, and coarse
            labels. `fine` and `oracle`: the fine loss alone (they differ in the data). `coarse`:
            the coarse loss alone, on one head of coarse class maps.
        class_map_activation: of the class maps: `relu` in the paper's networks, None for networks
            that end in global average pooling.
        head_dropout: share of the features' channels that training drops before the class maps, at
            all locations alike. With linear class maps that is dropout between global average
            pooling and the last layer (Chen 2018, Table V).
        extra_layer: whether the class maps are made from `num_fine` linear combinations of the
            features, those that dropout leaves; with `labels="coarse"` only. With linear class maps
            that is one more fully connected layer between global average pooling and the last layer
            (Chen 2018, Table IV). With an activation the order matters: it comes before pooling.
        **kwargs: of `keras.Model`.

    Call arguments:
        images: `(batch, height, width, channels)`, preprocessed.

    Returns:
        Scores: `{"fine": (batch, num_fine), "coarse": (batch, num_coarse)}` float32, before
        softmax; with `labels="coarse"` the coarse ones only.

    Raises:
        InputError: a word that is not known, a number outside its range, or an `extra_layer` with
            other labels than `coarse`.

    Example:
        >>> from coarse2fine.backbones import nin
        >>> pets = Taxonomy(("siamese", "persian", "beagle"), ("cat", "dog"), (0, 0, 1))
        >>> model = CoarseToFine(nin(width=0.1), pets, class_map_activation="relu")
        >>> scores = model(tf.zeros((4, 32, 32, 3)))
        >>> scores["fine"].shape, scores["coarse"].shape
        (TensorShape([4, 3]), TensorShape([4, 2]))

    Reference:
        Lei, Guo, Wang, "Weakly Supervised Image Classification with Coarse and Fine Labels",
        CRV 2017. Chen, Ding, Chin, Marculescu, "Understanding the Impact of Label Granularity on
        CNN-based Image Classification", ICDM workshops 2018.
    """

    def __init__(
        self,
        backbone: keras.Model,
        taxonomy: Taxonomy,
        coarse_weight: float = 1.0,
        labels: str = "mixed",
        class_map_activation: str | None = None,
        head_dropout: float = 0.0,
        extra_layer: bool = False,
        coarse_supervision: str = "min",
        soft_min_temperature: float = 1.0,
        fine_term: str = "batch",
        coarse_term: str = "all",
        label_smoothing: float = 0.0,
        cutmix: float = 0.0,
        cutmix_seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check_known("labels", labels, LABELS)
        check_known("coarse_supervision", coarse_supervision, COARSE_SUPERVISION)
        check_known("fine_term", fine_term, FINE_TERM)
        of_fine_head = (coarse_supervision, fine_term, coarse_term)
        if labels == "coarse" and of_fine_head != ("min", "batch", "all"):
            raise InputError(
                "labels='coarse' has no fine head, of which coarse_supervision, fine_term and "
                "coarse_term are. Leave them out."
            )
        if coarse_weight < 0:
            raise InputError(f"coarse_weight is {coarse_weight}, expected 0 or more.")
        if not 0 <= head_dropout < 1:
            raise InputError(f"head_dropout is {head_dropout}, expected 0 or more and below 1.")
        if not 0 <= cutmix <= 1:
            raise InputError(f"cutmix is {cutmix}, expected from 0 to 1.")
        if extra_layer and labels != "coarse":
            raise InputError(
                f"extra_layer is for labels='coarse' only, got labels={labels!r}: it gives coarse "
                "training the layer of num_fine units that fine class maps already are. Leave it "
                "out, or choose labels='coarse'."
            )
        self.backbone = backbone
        self.taxonomy = taxonomy
        self.coarse_weight = coarse_weight
        self.labels = labels
        self.class_map_activation = class_map_activation
        self.head_dropout = head_dropout
        self.extra_layer = extra_layer
        self.coarse_supervision = coarse_supervision
        self.soft_min_temperature = soft_min_temperature
        self.fine_term = fine_term
        self.coarse_term = coarse_term
        self.label_smoothing = label_smoothing
        self.cutmix = cutmix
        self.cutmix_seed = cutmix_seed
        self.has_fine_head = labels != "coarse"

        if extra_layer:
            self.extra_linear = keras.layers.Dense(taxonomy.num_fine, name="extra_linear")
        self.class_feature_map = ClassFeatureMap(
            taxonomy.num_fine if self.has_fine_head else taxonomy.num_coarse,
            activation=class_map_activation,
            name="class_feature_map",
        )
        if self.has_fine_head:
            self.pool_siblings = self._make_pool()
        self.global_avg = GlobalAvg(name="global_avg")
        weight = {"mixed": coarse_weight, "coarse": 1.0}.get(labels, 0.0)
        self.two_headed_loss = MaskedTwoHeadedLoss(weight, label_smoothing, coarse_term)
        self.mean_loss = keras.metrics.Mean(name="loss")
        self.head_metrics = _head_metrics(taxonomy, self.has_fine_head)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The loss and the metrics of the heads, as `fit` and `evaluate` report them."""
        return [self.mean_loss, *(entry.metric for entry in self.head_metrics)]

    def build(self, input_shape: Any) -> None:
        """Makes the weights of the heads."""
        features_shape = self.backbone.compute_output_shape(input_shape)
        if self.head_dropout:
            dropout = (
                keras.layers.SpatialDropout2D if len(features_shape) == 4 else keras.layers.Dropout
            )
            self.channel_dropout = dropout(self.head_dropout, dtype=self.dtype_policy)
        if self.extra_layer:
            self.extra_linear.build(features_shape)
            features_shape = self.extra_linear.compute_output_shape(features_shape)
        self.class_feature_map.build(features_shape)
        self.built = True

    def _make_pool(self) -> keras.layers.Layer:
        parent = self.taxonomy.parent
        if self.coarse_supervision == "soft_min":
            return SoftMinPoolCoarse(parent, self.soft_min_temperature, name="soft_min_pool_coarse")
        if self.coarse_supervision == "mean":
            # Of scores, which are float32, as in `call`.
            return MeanPoolCoarse(parent, dtype="float32", name="mean_pool_coarse")
        if self.coarse_supervision == "marginal":
            return LogSumExpCoarse(parent, name="log_sum_exp_coarse")
        return MinPoolCoarse(parent, name="min_pool_coarse")

    def call(self, images: Any, training: bool | None = None) -> dict[str, Any]:
        """Scores of both levels."""
        maps = self._head_maps(images, training)
        scores = self.global_avg(maps)
        if not self.has_fine_head:
            return {"coarse": scores}
        if self.coarse_supervision == "marginal":
            # From the best score on, which changes no probability: large ones would be rounded.
            best = tf.stop_gradient(tf.reduce_max(scores, axis=-1, keepdims=True))
            return {"fine": scores, "coarse": self.pool_siblings(scores - best)}
        if self.coarse_supervision == "mean":
            # The mean of averages is the average of means, and takes less.
            return {"fine": scores, "coarse": self.pool_siblings(scores)}
        return {"fine": scores, "coarse": self.global_avg(self.pool_siblings(maps))}

    def class_maps(self, images: Any, training: bool | None = None) -> dict[str, Any]:
        """Class maps of both levels, `(batch, height, width, num_fine or num_coarse)`.

        With `coarse_supervision="marginal"` the coarse ones are what the fine ones are together at
        each location; their average is not the coarse score.
        """
        maps = self._head_maps(images, training)
        if not self.has_fine_head:
            return {"coarse": maps}
        return {"fine": maps, "coarse": self.pool_siblings(maps)}

    def _head_maps(self, images: Any, training: bool | None) -> Any:
        """Fine class maps; without a fine head coarse ones."""
        features = self.backbone(images, training=training)
        if self.head_dropout:
            features = self.channel_dropout(features, training=training)
        if self.extra_layer:
            features = self.extra_linear(features)
        return self.class_feature_map(features)

    def features(self, images: Any, training: bool | None = None) -> Any:
        """What the backbone makes of images, averaged over locations: `(batch, channels)` float32.

        Dropout and layers of the heads come after it.
        """
        features = self.backbone(images, training=training)
        if len(features.shape) == 4:
            return self.global_avg(features)
        return keras.ops.cast(features, "float32")

    def train_step(self, data: Any) -> dict[str, Any]:
        """One update from a batch `(images, labels, weights)`.

        Keras's own step gives each head a loss of its own. Here both heads make one loss an image,
        reduced once, and the fine weights of a batch, `has_fine`, are part of it.
        """
        images, labels, weights = data
        if self.cutmix:
            seed = _seed_here(self.cutmix_seed, self.optimizer.iterations)
            images, labels, weights = cut_mix(images, labels, weights, self.cutmix, seed)
        with tf.GradientTape() as tape:
            scores = self(images, training=True)
            if self.cutmix:  # An image has two rows of labels.
                scores = tf.nest.map_structure(lambda each: tf.concat([each, each], 0), scores)
            loss = self._batch_loss(labels, scores, weights)
            scaled_loss = self.optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled_loss, self.trainable_weights)
        self.optimizer.apply(gradients, self.trainable_weights)
        return self._update_metrics(loss, labels, scores, weights)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Loss and metrics of a batch `(images, labels, weights)`."""
        images, labels, weights = data
        scores = self(images, training=False)
        loss = self._batch_loss(labels, scores, weights)
        return self._update_metrics(loss, labels, scores, weights)

    def _batch_loss(self, labels: Any, scores: Any, weights: Any) -> Any:
        """This replica's part of the loss: the parts of all replicas sum to the batch's."""
        # The loss multiplies by the image's weight, which the fine one holds already.
        has_fine = tf.math.divide_no_nan(weights["fine"], weights["coarse"])
        if self.fine_term == "labelled":
            number, labelled = _totals(weights["coarse"], weights["fine"])
            has_fine *= tf.math.divide_no_nan(number, labelled)
        loss = self.two_headed_loss(
            {**labels, "has_fine": has_fine}, scores, sample_weight=weights["coarse"]
        )
        return loss + sum(self.losses) / _num_replicas()

    def _update_metrics(self, loss: Any, labels: Any, scores: Any, weights: Any) -> dict[str, Any]:
        num_images = tf.reduce_sum(weights["coarse"])
        batch_size = tf.cast(tf.shape(weights["coarse"])[0], tf.float32)
        mean = tf.math.divide_no_nan(loss * _num_replicas() * batch_size, num_images)
        self.mean_loss.update_state(mean, sample_weight=num_images)
        for entry in self.head_metrics:
            entry.metric.update_state(
                labels[entry.labels], scores[entry.scores], sample_weight=weights[entry.labels]
            )
        return as_logs(self.get_metrics_result())

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal model, as plain values."""
        return {
            **super().get_config(),
            "backbone": keras.saving.serialize_keras_object(self.backbone),
            "taxonomy": dataclasses.asdict(self.taxonomy),
            "coarse_weight": self.coarse_weight,
            "labels": self.labels,
            "class_map_activation": self.class_map_activation,
            "head_dropout": self.head_dropout,
            "extra_layer": self.extra_layer,
            "coarse_supervision": self.coarse_supervision,
            "soft_min_temperature": self.soft_min_temperature,
            "fine_term": self.fine_term,
            "coarse_term": self.coarse_term,
            "label_smoothing": self.label_smoothing,
            "cutmix": self.cutmix,
            "cutmix_seed": self.cutmix_seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "CoarseToFine":
        """The model that `get_config` describes, with fresh weights."""
        backbone = keras.saving.deserialize_keras_object(
            config["backbone"], custom_objects=custom_objects
        )
        return cls(**{**config, "backbone": backbone, "taxonomy": Taxonomy(**config["taxonomy"])})


@dataclasses.dataclass(frozen=True)
class _HeadMetric:
    """A metric, the head that it judges, and the level of the labels that it is judged by."""

    metric: keras.metrics.Metric
    scores: str
    labels: str


def _head_metrics(taxonomy: Taxonomy, has_fine_head: bool) -> list[_HeadMetric]:
    metrics = keras.metrics
    coarse = [
        _HeadMetric(
            metrics.SparseCategoricalCrossentropy("coarse_loss", from_logits=True),
            "coarse",
            "coarse",
        ),
        _HeadMetric(metrics.SparseCategoricalAccuracy("coarse_top1"), "coarse", "coarse"),
    ]
    if not has_fine_head:
        return coarse
    fine = [
        _HeadMetric(
            metrics.SparseCategoricalCrossentropy("fine_loss", from_logits=True), "fine", "fine"
        ),
        _HeadMetric(metrics.SparseCategoricalAccuracy("fine_top1"), "fine", "fine"),
        _HeadMetric(TopKAccuracy(5, name="fine_top5"), "fine", "fine"),
        _HeadMetric(
            ParentAccuracy(taxonomy.parent, name="coarse_top1_from_fine"), "fine", "coarse"
        ),
    ]
    return fine + coarse


def _totals(*weights: Any) -> Any:
    """Of each the sum over the images of all replicas."""
    sums = tf.stack([tf.reduce_sum(each) for each in weights])
    replica = tf.distribute.get_replica_context()
    return tf.unstack(replica.all_reduce(tf.distribute.ReduceOp.SUM, sums))


def _seed_here(seed: int, step: Any) -> Any:
    """`(2,)`: another one at each update and on each replica."""
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    return tf.random.fold_in(tf.stack([seed, tf.cast(step, tf.int32)]), replica)


def _num_replicas() -> int:
    return tf.distribute.get_strategy().num_replicas_in_sync
