import itertools

import keras
import numpy as np
import pytest

from coarse2fine.backbones import BACKBONES, alexnet, create, nin, preact_resnet, wide_resnet
from coarse2fine.errors import InputError
from coarse2fine.layers import ClassFeatureMap


def caffe_pool(x, reduce):
    """3x3 pooling with stride 2 in ceil mode, no padding: windows end where the map does."""
    size = -(-(x.shape[0] - 3) // 2) + 1
    return np.array(
        [
            [reduce(x[2 * i : 2 * i + 3, 2 * j : 2 * j + 3]) for j in range(size)]
            for i in range(size)
        ]
    )


@pytest.mark.parametrize("size", [32, 16, 8])
@pytest.mark.parametrize("name", ["max", "average"])
def test_same_padding_is_ceil_mode_for_even_sizes(size, name):
    x = np.random.default_rng(0).normal(size=(size, size)).astype("float32") - 3
    pool = {"max": keras.ops.max_pool, "average": keras.ops.average_pool}[name]
    reduce = {"max": np.max, "average": np.mean}[name]
    pooled = pool(x[None, :, :, None], 3, strides=2, padding="same")[0, :, :, 0]
    np.testing.assert_allclose(pooled, caffe_pool(x, reduce), rtol=1e-5)


def test_nin_has_the_papers_number_of_parameters():
    model = keras.Sequential([nin(), ClassFeatureMap(100, activation="relu")])
    # Weights and bias of a convolution: (size^2 * channels in + 1) * channels out.
    convolutions = [(5, 3, 192), (1, 192, 160), (1, 160, 96), (5, 96, 192), (1, 192, 192)]
    convolutions += [(1, 192, 192), (3, 192, 192), (1, 192, 192), (1, 192, 100)]
    assert sum((s * s * i + 1) * o for s, i, o in convolutions) == 984_356
    assert model.count_params() == 984_356
    assert model.output_shape == (None, 8, 8, 100)


def test_alexnet_has_the_papers_number_of_parameters():
    model = keras.Sequential([alexnet(), ClassFeatureMap(100, activation="relu", map_size=6)])
    convolutions = (25 * 3 + 1) * 32 + (25 * 32 + 1) * 32 + (25 * 32 + 1) * 64
    fully_connected = (4 * 4 * 64 + 1) * 1024 + (1024 + 1) * 100 * 36
    assert model.count_params() == convolutions + fully_connected
    assert model.output_shape == (None, 6, 6, 100)


def with_linear_maps(backbone, num_classes):
    model = keras.Sequential([backbone, ClassFeatureMap(num_classes)])
    model.build((None, 32, 32, 3))
    return model


def num_trained(model):
    """The published counts leave the moving averages of normalisation out."""
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def residual_parameters(stem, groups, blocks, at_end):
    """3x3 convolutions and 1x1 shortcuts without biases, scale and shift of normalisations."""
    total, before = 9 * 3 * stem, stem
    for filters in groups:
        for _ in range(blocks):
            total += 9 * before * filters + 9 * filters * filters + 2 * before + 2 * filters
            total += before * filters if before != filters else 0
            before = filters
    return total + (2 * before if at_end else 0)


def test_preact_resnet_has_the_published_number_of_parameters():
    model = with_linear_maps(preact_resnet(), 10)
    assert num_trained(model) == 11_171_146
    assert residual_parameters(64, (64, 128, 256, 512), 2, False) + 513 * 10 == 11_171_146
    assert model.output_shape == (None, 4, 4, 10)


def test_the_thin_preact_resnet_has_the_published_number_of_parameters():
    trained = num_trained(with_linear_maps(preact_resnet(width=0.25), 10))
    assert trained == residual_parameters(16, (16, 32, 64, 128), 2, False) + 129 * 10
    assert round(trained / 1e6, 1) == 0.7


def test_fastnet_is_a_fixed_whitening_and_three_blocks():
    model = create("fastnet")
    # 24 whitened channels; kernels without biases, gamma and beta.
    widths = [24, 64, 64, 192, 192, 256, 256]
    kernels = sum(9 * a * b for a, b in itertools.pairwise(widths))
    assert num_trained(model) == kernels + 2 * sum(widths[1:])
    assert model.output_shape == (None, 3, 3, 256)


def test_wide_resnet_has_the_published_number_of_parameters():
    model = with_linear_maps(wide_resnet(), 100)
    assert num_trained(model) == 36_536_884
    assert residual_parameters(16, (160, 320, 640), 4, True) + 641 * 100 == 36_536_884
    assert model.output_shape == (None, 8, 8, 100)


def trail(model):
    """The layers along the convolutions of 3x3, and the tensors that blocks add to them."""
    steps, shortcuts, tensor = [], [], model.output
    while tensor is not model.input:
        layer = tensor._keras_history.operation
        steps.insert(0, layer)
        tensor = layer.input
        if isinstance(layer, keras.layers.Add):
            tensor, shortcut = tensor
            shortcuts.insert(0, shortcut)
    return steps, shortcuts


def described(layer):
    if isinstance(layer, keras.layers.Conv2D):
        assert not layer.use_bias
        return layer.kernel_size[0], layer.strides[0], layer.filters
    return type(layer).__name__


@pytest.mark.parametrize(
    ("network", "dropout", "stem", "groups", "blocks", "end"),
    [
        (preact_resnet, 0.0, 6, (6, 13, 26, 51), 2, []),
        (preact_resnet, 0.2, 6, (6, 13, 26, 51), 2, []),
        (wide_resnet, 0.0, 2, (16, 32, 64), 4, ["BatchNormalization", "ReLU"]),
        (wide_resnet, 0.3, 2, (16, 32, 64), 4, ["BatchNormalization", "ReLU"]),
    ],
)
def test_residual_networks_follow_the_papers_layer_by_layer(
    network, dropout, stem, groups, blocks, end
):
    model = network(width=0.1, dropout=dropout)
    expected = [(3, 1, stem)]
    for group, filters in enumerate(groups):
        for place in range(blocks):
            strides = 2 if group and not place else 1
            expected += ["BatchNormalization", "ReLU", (3, strides, filters)]
            expected += ["BatchNormalization", "ReLU", *(["Dropout"] if dropout else [])]
            expected += [(3, 1, filters), "Add"]
    steps, _ = trail(model)
    assert [described(layer) for layer in steps] == [*expected, *end]
    rates = [layer.rate for layer in steps if isinstance(layer, keras.layers.Dropout)]
    assert rates == ([dropout] * blocks * len(groups) if dropout else [])


@pytest.mark.parametrize(("network", "blocks"), [(preact_resnet, 8), (wide_resnet, 12)])
def test_a_shortcut_is_a_blocks_input_or_where_the_shape_changes_its_projection(network, blocks):
    model = network(width=0.1)
    steps, shortcuts = trail(model)
    assert len(shortcuts) == blocks
    begin, projections = 1, 0
    for shortcut in shortcuts:
        entered, activated, first = steps[begin - 1], steps[begin + 1], steps[begin + 2]
        if shortcut.shape == entered.output.shape:
            assert shortcut is entered.output
        else:
            projection = shortcut._keras_history.operation
            assert described(projection) == (1, first.strides[0], first.filters)
            assert projection.input is activated.output
            projections += 1
        begin += next(n for n, layer in enumerate(steps[begin:], 1) if described(layer) == "Add")
    assert projections == 3
    assert len(model.layers) == 1 + len(steps) + projections


def test_wide_resnet_drops_a_share_of_its_own():
    rates = {layer.rate for layer in wide_resnet(width=0.05).layers if hasattr(layer, "rate")}
    assert rates == {0.3}


def kinds(model):
    return [type(layer).__name__ for layer in model.layers[1:]]


def test_nin_layers_follow_the_paper():
    model = nin()
    block = ["Conv2D"] * 3
    assert kinds(model) == [
        *block,
        "MaxPooling2D",
        "Dropout",
        *block,
        "AveragePooling2D",
        "Dropout",
        *block[:2],
    ]
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert {layer.activation for layer in convolutions} == {keras.activations.relu}


def test_alexnet_layers_follow_the_paper():
    model = alexnet()
    assert kinds(model) == [
        *["Conv2D", "MaxPooling2D", "ReLU", "LocalResponseNorm"],
        *["Conv2D", "ReLU", "AveragePooling2D", "LocalResponseNorm"],
        *["Conv2D", "ReLU", "AveragePooling2D", "Flatten", "Dense", "Dropout"],
    ]
    norms = [layer for layer in model.layers if type(layer).__name__ == "LocalResponseNorm"]
    for norm in norms:
        assert (norm.size, norm.alpha, norm.beta, norm.mode) == (3, 5e-5, 0.75, "within_channel")


def test_weights_start_as_in_the_paper():
    keras.utils.set_random_seed(0)
    for model, small in ((nin(), None), (alexnet(), 1e-4)):
        weighted = [layer for layer in model.layers if layer.weights]
        for place, layer in enumerate(weighted):
            kernel, bias = (weight.numpy() for weight in layer.weights)
            fan_in = np.prod(kernel.shape[:-1])
            deviation = small if small and place == 0 else np.sqrt(2 / fan_in)
            np.testing.assert_allclose(kernel.std(), deviation, rtol=0.04)
            np.testing.assert_array_equal(bias, 0)


def small(name):
    """Of images that suit a network of the registry."""
    return (40, 40, 3) if name.endswith("_imagenet") else (32, 32, 3)


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_the_same_seed_gives_the_same_network_and_dropout(name):
    x = np.random.default_rng(0).normal(size=(2, *small(name))).astype("float32")

    def run(seed):
        keras.utils.set_random_seed(seed)
        network = create(name, input_shape=small(name), width=0.1, dropout=0.5)
        return np.array(network(x, training=True))

    first = run(1)
    np.testing.assert_array_equal(run(1), first)
    assert np.abs(run(2) - first).max() > 0


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_features_suit_class_maps_at_any_width(name):
    for width in (0.001, 0.3, 1.1):
        network = create(name, input_shape=small(name), width=width)
        model = keras.Sequential([network, ClassFeatureMap(7)])
        assert model.output_shape[-1] == 7


def test_width_scales_every_number_of_channels():
    channels = [layer.filters for layer in nin(width=0.25).layers if hasattr(layer, "filters")]
    assert channels == [48, 40, 24, 48, 48, 48, 48, 48]
    assert nin(width=1e-6).output_shape == (None, 8, 8, 1)
    assert alexnet(width=0.5).output_shape == (None, 512)
    convolutions = [layer for layer in wide_resnet(width=0.5).layers if hasattr(layer, "filters")]
    assert sorted({layer.filters for layer in convolutions}) == [8, 80, 160, 320]


def test_fastnet_refuses_images_of_which_its_pooling_leaves_nothing():
    assert create("fastnet", input_shape=(9, 12, 3), width=0.1).output_shape[1:3] == (1, 1)
    with pytest.raises(InputError) as error:
        create("fastnet", input_shape=(8, 32, 3))
    assert str(error.value) == (
        "fastnet: input_shape is (8, 32, 3), expected images that are at least 9 pixels high and "
        "wide."
    )


def test_unknown_backbone_lists_the_known_ones():
    with pytest.raises(InputError) as error:
        create("resnet")
    names = [*BACKBONES, "keras.applications.<network>", "<file>.keras"]
    assert str(error.value) == f"Unknown backbone 'resnet'. Known: {', '.join(names)}."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"input_shape": (32, 32)},
            "nin: input_shape must be (height, width, channels), got (32, 32).",
        ),
        ({"width": 0}, "nin: width must be positive, got 0."),
        ({"dropout": 1.0}, "nin: dropout must be at least 0 and below 1, got 1.0."),
    ],
)
def test_refuses_bad_arguments(arguments, message):
    with pytest.raises(InputError) as error:
        create("nin", **arguments)
    assert str(error.value) == message
