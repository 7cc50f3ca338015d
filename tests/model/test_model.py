"""CoarseToFine: equal to Keras's own fit, masked, and the same on two replicas."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from coarse2fine.data.cut_mix import cut_mix
from coarse2fine.errors import InputError
from coarse2fine.model import COARSE_SUPERVISION, CoarseToFine
from coarse2fine.taxonomy import Taxonomy
from coarse2fine.training.coupled_sgd import CoupledSGD
from coarse2fine.training.strategy import make_strategy

TAXONOMY = Taxonomy(tuple("abcdef"), ("x", "y", "z"), (1, 0, 1, 2, 0, 1))


def make_backbone(seed=0):
    keras.utils.set_random_seed(seed)
    images = keras.Input((8, 8, 3))
    features = keras.layers.Conv2D(5, 3, activation="relu", padding="same")(images)
    return keras.Model(images, features)


def make_model(seed=0, **kwargs):
    model = CoarseToFine(make_backbone(seed), TAXONOMY, **kwargs)
    model(np.zeros((1, 8, 8, 3), "float32"))
    model.compile(optimizer=CoupledSGD(0.1, momentum=0.9, decay=1e-3))
    return model


def make_batch(seed=0, batch=12, has_fine=None):
    rng = np.random.default_rng(seed)
    fine = rng.integers(TAXONOMY.num_fine, size=batch)
    if has_fine is None:
        has_fine = (np.arange(batch) % 3 != 0).astype("float32")
    images = rng.normal(size=(batch, 8, 8, 3)).astype("float32")
    labels = {"fine": fine, "coarse": TAXONOMY.coarsen(fine)}
    return images, labels, {"fine": has_fine, "coarse": np.ones(batch, "float32")}


def as_dataset(*batches):
    arrays = tf.nest.map_structure(lambda *parts: np.stack(parts), *batches)
    return tf.data.Dataset.from_tensor_slices(arrays)


def weights_of(model):
    return [weight.numpy() for weight in model.trainable_variables]


def assert_weights_close(first, second, rtol=1e-5, atol=1e-6):
    for a, b in zip(weights_of(first), weights_of(second), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


def test_equals_stock_keras_fit_with_sample_weights():
    batches = as_dataset(*(make_batch(seed) for seed in range(5)))
    ours = make_model(coarse_weight=0.7)
    network = make_model(coarse_weight=0.7)
    images = keras.Input((8, 8, 3))
    stock = keras.Model(images, network(images))
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    stock.compile(
        optimizer=CoupledSGD(0.1, momentum=0.9, decay=1e-3),
        loss={"fine": cross_entropy, "coarse": cross_entropy},
        loss_weights={"fine": 1.0, "coarse": 0.7},
    )
    ours_loss = ours.fit(batches, verbose=0, shuffle=False).history["loss"]
    stock_loss = stock.fit(batches, verbose=0, shuffle=False).history["loss"]
    np.testing.assert_allclose(ours_loss, stock_loss, rtol=1e-5)
    assert_weights_close(ours, stock)


def test_masking_a_fine_label_equals_dropping_its_loss_in_gradient_and_metrics():
    images, labels, weights = make_batch()
    keep = weights["fine"] == 1
    masked = make_model(coarse_weight=0.0)
    masked_logs = masked.train_on_batch(images, labels, weights, return_dict=True)
    dropped = make_model(coarse_weight=0.0)
    # Eq. 7 divides by all images of the batch, so the rate makes up for those that were dropped.
    dropped.optimizer.learning_rate = 0.1 * keep.mean()
    dropped.optimizer.decay = 1e-3 / keep.mean()
    dropped_logs = dropped.train_on_batch(
        images[keep],
        tf.nest.map_structure(lambda label: label[keep], labels),
        tf.nest.map_structure(lambda weight: weight[keep], weights),
        return_dict=True,
    )
    assert_weights_close(masked, dropped)
    for name in ("fine_loss", "fine_top1", "fine_top5"):
        np.testing.assert_allclose(masked_logs[name], dropped_logs[name], rtol=1e-5)


def test_a_hidden_fine_label_changes_nothing():
    images, labels, weights = make_batch()
    other = {**labels, "fine": np.where(weights["fine"] == 1, labels["fine"], 0)}
    first, second = make_model(), make_model()
    logs = first.train_on_batch(images, labels, weights, return_dict=True)
    other_logs = second.train_on_batch(images, other, weights, return_dict=True)
    assert logs == other_logs
    for a, b in zip(weights_of(first), weights_of(second), strict=True):
        np.testing.assert_array_equal(a, b)


def test_metrics_equal_numpy():
    images, labels, weights = make_batch()
    model = make_model()
    scores = {level: value.numpy() for level, value in model(images).items()}
    logs = model.test_on_batch(images, labels, weights, return_dict=True)
    keep = weights["fine"] == 1
    best = scores["fine"].argmax(-1)
    rank = (scores["fine"] > np.take_along_axis(scores["fine"], labels["fine"][:, None], 1)).sum(1)
    expected = {
        "fine_top1": (best == labels["fine"])[keep].mean(),
        "fine_top5": (rank < 5)[keep].mean(),
        "coarse_top1": (scores["coarse"].argmax(-1) == labels["coarse"]).mean(),
        "coarse_top1_from_fine": (TAXONOMY.coarsen(best) == labels["coarse"]).mean(),
    }
    for name, value in expected.items():
        np.testing.assert_allclose(logs[name], value, rtol=1e-6, err_msg=name)
    np.testing.assert_allclose(
        logs["loss"], logs["fine_loss"] * keep.mean() + logs["coarse_loss"], rtol=1e-5
    )


@pytest.mark.parametrize("labels", ["fine", "oracle"])
def test_the_fine_loss_alone_trains_baseline_and_oracle(labels):
    images, truth, weights = make_batch(has_fine=np.ones(12, "float32"))
    model = make_model(labels=labels)
    logs = model.train_on_batch(images, truth, weights, return_dict=True)
    np.testing.assert_allclose(logs["loss"], logs["fine_loss"], rtol=1e-5)


def test_coarse_training_has_one_head_of_coarse_maps():
    images, truth, weights = make_batch(has_fine=np.zeros(12, "float32"))
    model = make_model(labels="coarse")
    maps = model.class_maps(images)
    assert {level: value.shape for level, value in maps.items()} == {"coarse": (12, 8, 8, 3)}
    logs = model.train_on_batch(images, truth, weights, return_dict=True)
    assert set(logs) == {"loss", "coarse_loss", "coarse_top1"}
    np.testing.assert_allclose(logs["loss"], logs["coarse_loss"], rtol=1e-5)


def test_permuting_the_fine_classes_permutes_the_scores():
    order = [3, 0, 5, 1, 4, 2]
    permuted_taxonomy = Taxonomy(
        tuple(TAXONOMY.fine_names[f] for f in order),
        TAXONOMY.coarse_names,
        tuple(TAXONOMY.parent[f] for f in order),
    )
    images, _, _ = make_batch()
    model = make_model()
    permuted = CoarseToFine(model.backbone, permuted_taxonomy)
    permuted(images)
    kernel, bias = model.class_feature_map.get_weights()
    permuted.class_feature_map.set_weights([kernel[..., order], bias[order]])
    np.testing.assert_allclose(
        permuted(images)["fine"], model(images)["fine"].numpy()[:, order], rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(
        permuted(images)["coarse"], model(images)["coarse"], rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("fine_share", [2, 3, 5])
def test_two_replicas_equal_one(fine_share):
    has_fine = (np.arange(12) % fine_share == 0).astype("float32")
    batches = [make_batch(seed, has_fine=has_fine) for seed in range(4)]
    one = make_model()
    one_logs = one.fit(as_dataset(*batches), verbose=0, shuffle=False).history
    strategy = make_strategy("mirrored")
    assert strategy.num_replicas_in_sync == 2, "conftest.py makes two logical CPU devices"
    with strategy.scope():
        two = make_model()
    two_logs = two.fit(as_dataset(*batches), verbose=0, shuffle=False).history
    assert_weights_close(one, two)
    assert one_logs.keys() == two_logs.keys()
    for name in one_logs:
        np.testing.assert_allclose(one_logs[name], two_logs[name], rtol=1e-5, err_msg=name)


POOLS = {
    "min": lambda maps: maps.min(-1).mean((1, 2)),
    "mean": lambda maps: maps.mean((1, 2, 3)),
    "soft_min": lambda maps: -0.5 * np.log(np.exp(-maps / 0.5).mean(-1)).mean((1, 2)),
    "marginal": lambda maps: np.log(np.exp(maps.mean((1, 2))).sum(-1)),
}


@pytest.mark.parametrize("name", COARSE_SUPERVISION)
def test_coarse_scores_follow_from_fine_class_maps(name):
    images, labels, weights = make_batch()
    temperature = {"soft_min_temperature": 0.5} if name == "soft_min" else {}
    model = make_model(coarse_supervision=name, **temperature)
    maps = model.class_maps(images)["fine"].numpy()
    expected = np.stack([POOLS[name](maps[..., list(c)]) for c in TAXONOMY.children], axis=-1)
    scores = model(images)["coarse"]
    if name == "marginal":  # Its scores are less the best fine one.
        scores, expected = tf.nn.log_softmax(scores), tf.nn.log_softmax(expected)
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-6)
    again = CoarseToFine.from_config(model.get_config())
    assert type(again.pool_siblings) is type(model.pool_siblings)
    assert again.get_config() == model.get_config()
    # It learns from coarse labels alone.
    before = weights_of(model)
    hidden = {**weights, "fine": np.zeros_like(weights["fine"])}
    model.train_on_batch(images, labels, hidden)
    assert any((a != b).any() for a, b in zip(before, weights_of(model), strict=True))


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_marginal_probabilities_of_both_levels_agree_whatever_the_precision(offset):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = make_model(coarse_supervision="marginal")
    finally:
        keras.config.set_dtype_policy("float32")
    model.class_feature_map.bias.assign_add([offset] * TAXONOMY.num_fine)
    scores = model(make_batch()[0])
    fine, coarse = (tf.nn.softmax(scores[level]).numpy() for level in ("fine", "coarse"))
    summed = np.stack([fine[:, list(c)].sum(-1) for c in TAXONOMY.children], axis=-1)
    np.testing.assert_allclose(coarse, summed, atol=1e-6)


@pytest.mark.parametrize("strategy", ["single", "mirrored"])
def test_the_fine_term_may_be_the_mean_of_the_labelled(strategy):
    # Replicas have 2 and 5 of them.
    keep = np.array([1, 0, 0, 0, 1, 0, 1, 1, 1, 1, 1, 0], bool)
    images, labels, weights = make_batch(has_fine=keep.astype("float32"))
    with make_strategy(strategy).scope():
        masked = make_model(coarse_weight=0.0, fine_term="labelled")
    masked.fit(as_dataset((images, labels, weights)), verbose=0, shuffle=False)
    dropped = make_model(coarse_weight=0.0)
    dropped.train_on_batch(
        images[keep],
        tf.nest.map_structure(lambda label: label[keep], labels),
        tf.nest.map_structure(lambda weight: weight[keep], weights),
    )
    assert_weights_close(masked, dropped)


@pytest.mark.parametrize("strategy", ["single", "mirrored"])
def test_an_evaluations_loss_is_the_mean_over_the_labelled_too(strategy):
    # The last batch is filled up: two images have weight 0.
    is_image = np.array([1] * 10 + [0] * 2, "float32")
    has_fine = np.array([1, 0, 0, 0, 1, 0, 1, 1, 1, 1, 0, 0], "float32")
    images, labels, weights = make_batch(has_fine=has_fine)
    with make_strategy(strategy).scope():
        model = make_model(fine_term="labelled", label_smoothing=0.1, coarse_weight=0.5)
    data = as_dataset((images, labels, {**weights, "coarse": is_image}))
    found = model.evaluate(data, verbose=0, return_dict=True)["loss"]
    scores = model(images)
    loss = {
        level: keras.losses.categorical_crossentropy(
            keras.ops.one_hot(labels[level], scores[level].shape[-1]),
            scores[level],
            from_logits=True,
            label_smoothing=0.1,
        ).numpy()
        for level in ("fine", "coarse")
    }
    expected = loss["fine"][has_fine == 1].mean() + 0.5 * loss["coarse"][is_image == 1].mean()
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize(
    "argument",
    [{"coarse_supervision": "marginal"}, {"fine_term": "labelled"}, {"coarse_term": "coarse_only"}],
)
def test_without_a_fine_head_what_concerns_it_is_refused(argument):
    with pytest.raises(InputError) as error:
        make_model(labels="coarse", **argument)
    assert str(error.value) == (
        "labels='coarse' has no fine head, of which coarse_supervision, fine_term and coarse_term "
        "are. Leave them out."
    )


@pytest.mark.parametrize("fine_term", ["batch", "labelled"])
def test_the_coarse_term_may_be_of_coarse_only_images_alone(fine_term):
    images, labels, weights = make_batch()
    arguments = {"fine_term": fine_term, "coarse_supervision": "marginal"}
    model = make_model(coarse_term="coarse_only", **arguments)
    found = model.test_on_batch(images, labels, weights, return_dict=True)["loss"]
    apart = [
        make_model(coarse_weight=weight, **arguments).test_on_batch(
            images, labels, {**weights, "coarse": of}, return_dict=True
        )["loss"]
        for weight, of in ((0.0, weights["coarse"]), (1.0, 1 - weights["fine"]))
    ]
    share = np.mean(weights["fine"])
    np.testing.assert_allclose(found, apart[0] + (1 - share) * apart[1], rtol=1e-5)


def test_without_a_fine_label_in_a_batch_its_fine_term_is_zero():
    images, labels, weights = make_batch(has_fine=np.zeros(12, "float32"))
    one, other = make_model(fine_term="labelled"), make_model()
    logs = [m.train_on_batch(images, labels, weights, return_dict=True) for m in (one, other)]
    assert logs[0] == logs[1]
    assert np.isfinite(logs[0]["loss"])
    assert_weights_close(one, other)


def test_eager_equals_graph():
    batches = as_dataset(*(make_batch(seed) for seed in range(3)))
    graph, eager = make_model(), make_model()
    eager.compile(optimizer=CoupledSGD(0.1, momentum=0.9, decay=1e-3), run_eagerly=True)
    graph.fit(batches, verbose=0, shuffle=False)
    eager.fit(batches, verbose=0, shuffle=False)
    assert_weights_close(graph, eager)


def test_comes_back_from_a_keras_file(tmp_path):
    model = make_model(coarse_weight=0.5, class_map_activation="relu")
    images, truth, weights = make_batch()
    model.train_on_batch(images, truth, weights)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for name in ("taxonomy", "coarse_weight", "labels", "class_map_activation"):
        assert getattr(loaded, name) == getattr(model, name)
    np.testing.assert_array_equal(loaded(images)["coarse"], model(images)["coarse"])
    # Its optimizer goes on as well.
    model.train_on_batch(images, truth, weights)
    loaded.train_on_batch(images, truth, weights)
    assert_weights_close(model, loaded)


def test_unknown_labels_are_refused():
    expected = r"^Unknown labels 'some'\. Known: mixed, fine, oracle, coarse\.$"
    with pytest.raises(InputError, match=expected):
        CoarseToFine(make_backbone(), TAXONOMY, labels="some")


class TestCutMix:
    @pytest.mark.parametrize("fine_term", ["batch", "labelled"])
    @pytest.mark.parametrize("coarse_term", ["all", "coarse_only"])
    def test_a_step_has_the_loss_and_metrics_of_both_images_by_area(self, fine_term, coarse_term):
        arguments = {"fine_term": fine_term, "coarse_term": coarse_term, "coarse_weight": 0.7}
        mixing = {"cutmix": 0.8, "cutmix_seed": 3}
        model, plain = make_model(**mixing, **arguments), make_model(**arguments)
        images, labels, weights = make_batch()
        mixed, labels_of, areas = tf.nest.map_structure(
            np.array,
            cut_mix(tf.constant(images), labels, weights, 0.8, tf.random.fold_in([3, 0], 0)),
        )
        assert (mixed != images).any()
        logs = model.train_on_batch(images, labels, weights, return_dict=True)

        scores = plain(mixed, training=True)
        loss = {
            level: keras.ops.sparse_categorical_crossentropy(
                labels_of[level], np.concatenate([scores[level]] * 2), from_logits=True
            ).numpy()
            for level in scores
        }
        is_right = np.concatenate([scores["fine"].numpy().argmax(-1)] * 2) == labels_of["fine"]
        has_no_fine = areas["fine"] == 0
        fine = (areas["fine"] * loss["fine"]).sum()
        coarse = areas["coarse"] * loss["coarse"]
        coarse_term_of = coarse if coarse_term == "all" else coarse * has_no_fine
        labelled = 24 if fine_term == "batch" else areas["fine"].sum()
        expected = {
            "loss": fine / labelled + 0.7 * coarse_term_of.sum() / 24,
            "fine_loss": fine / areas["fine"].sum(),
            "coarse_loss": coarse.sum() / 24,
            "fine_top1": (areas["fine"] * is_right).sum() / areas["fine"].sum(),
        }
        assert {name: float(logs[name]) for name in expected} == pytest.approx(expected, rel=1e-5)

    def test_replicas_mix_the_images_of_their_own_part(self):
        # Each has six equal images, so that a mixed one is as it was.
        images, labels, weights = make_batch(has_fine=np.ones(12, "float32"))
        halves = np.repeat([0, 6], 6)
        batch = images[halves], {name: each[halves] for name, each in labels.items()}, weights
        with make_strategy("mirrored").scope():
            mixing, plain = make_model(cutmix=0.5), make_model()
        logs = [
            model.fit(as_dataset(batch), verbose=0, shuffle=False).history
            for model in (mixing, plain)
        ]
        assert_weights_close(mixing, plain)
        for name, values in logs[1].items():
            np.testing.assert_allclose(logs[0][name], values, rtol=1e-5, err_msg=name)

    def test_random_numbers_differ_by_seed_update_and_replica(self, monkeypatch):
        seen = []

        def keep(images, labels, weights, share, seed):
            tf.numpy_function(lambda each: seen.append(tuple(each)), [seed], [])
            return cut_mix(images, labels, weights, share, seed)

        monkeypatch.setattr("coarse2fine.model.cut_mix", keep)

        def seeds(seed):
            with make_strategy("mirrored").scope():
                model = make_model(cutmix=0.5, cutmix_seed=seed)
            seen.clear()
            model.fit(as_dataset(make_batch()).repeat(3), verbose=0, shuffle=False)
            return set(seen)

        first, other = seeds(0), seeds(1)
        assert len(first) == len(other) == 3 * 2
        assert not first & other
        assert seeds(0) == first

    @pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
    @pytest.mark.parametrize("labels", ["mixed", "coarse"])
    def test_trains_compiled_by_xla_as_a_gpu_does(self, labels, precision):
        keras.config.set_dtype_policy(precision)
        try:
            model = make_model(cutmix=1.0, labels=labels)
        finally:
            keras.config.set_dtype_policy("float32")
        model.optimizer.build(model.trainable_variables)
        before = weights_of(model)
        # Keras leaves it out where operations are deterministic, as in other tests.
        step = tf.function(model.train_step, jit_compile=True)
        assert np.isfinite(step(tf.nest.map_structure(tf.constant, make_batch()))["loss"])
        assert all((a != b).any() for a, b in zip(before, weights_of(model), strict=True))

    def test_mixes_in_training_alone(self):
        model, plain = make_model(cutmix=1.0), make_model()
        batch = make_batch()
        logs, expected = model.test_step(batch), plain.test_step(batch)
        assert {name: float(value) for name, value in logs.items()} == {
            name: float(value) for name, value in expected.items()
        }

    def test_is_part_of_the_configuration(self):
        model = CoarseToFine.from_config(make_model(cutmix=0.3, cutmix_seed=5).get_config())
        assert (model.cutmix, model.cutmix_seed) == (0.3, 5)

    @pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
    def test_refuses_what_is_no_share(self, value):
        with pytest.raises(InputError) as error:
            make_model(cutmix=value)
        assert str(error.value) == f"cutmix is {value}, expected from 0 to 1."


def test_an_images_fine_weight_holds_its_weight_already():
    images, labels, weights = make_batch(has_fine=np.ones(12, "float32"))
    model = make_model()
    whole, half = (
        model.test_on_batch(
            images,
            labels,
            {name: factor * each for name, each in weights.items()},
            return_dict=True,
        )
        for factor in (1.0, 0.5)
    )
    assert half == pytest.approx(whole, rel=1e-5)
