import keras
import numpy as np
import pytest

from coarse2fine.backbones import BACKBONES, alexnet, create, nin, preact_resnet
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


def test_preact_resnet_has_the_published_number_of_parameters():
    model = keras.Sequential([preact_resnet(), ClassFeatureMap(10)])
    model.build((None, 32, 32, 3))
    # The published count leaves the moving averages of normalisation out.
    trained = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert trained == 11_171_146
    assert model.output_shape == (None, 4, 4, 10)


def test_preact_resnet_normalises_before_each_convolution_but_the_stem_and_not_at_the_end():
    model = preact_resnet(width=0.1)
    order = [kind for kind in kinds(model) if kind not in ("Add", "ReLU")]
    convolutions = order.count("Conv2D")
    assert convolutions == 1 + 8 * 2 + 3  # The stem, two a block, a shortcut a new stage.
    assert order.count("BatchNormalization") == 8 * 2
    assert order[0] == "Conv2D"
    assert order[-2:] == ["Conv2D", "Dropout"]
    assert not any(layer.use_bias for layer in model.layers if hasattr(layer, "use_bias"))


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


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_the_same_seed_gives_the_same_network_and_dropout(name):
    x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")

    def run(seed):
        keras.utils.set_random_seed(seed)
        return np.array(create(name, width=0.1, dropout=0.5)(x, training=True))

    np.testing.assert_array_equal(run(1), run(1))
    assert np.abs(run(1) - run(2)).max() > 0


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_features_suit_class_maps_at_any_width(name):
    for width in (0.001, 0.3, 1.5):
        model = keras.Sequential([create(name, width=width), ClassFeatureMap(7)])
        assert model.output_shape[-1] == 7


def test_width_scales_every_number_of_channels():
    channels = [layer.filters for layer in nin(width=0.25).layers if hasattr(layer, "filters")]
    assert channels == [48, 40, 24, 48, 48, 48, 48, 48]
    assert nin(width=1e-6).output_shape == (None, 8, 8, 1)
    assert alexnet(width=0.5).output_shape == (None, 512)


def test_unknown_backbone_lists_the_known_ones():
    with pytest.raises(InputError) as error:
        create("resnet")
    assert str(error.value) == f"Unknown backbone 'resnet'. Known: {', '.join(BACKBONES)}."


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
