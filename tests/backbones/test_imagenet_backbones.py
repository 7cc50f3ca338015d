"""The papers' networks for ImageNet, layer by layer."""

import keras
import numpy as np
import pytest

from coarse2fine.backbones import alexnet_imagenet, nin_imagenet
from coarse2fine.backbones._caffe import max_pool
from coarse2fine.errors import InputError
from coarse2fine.layers import ClassFeatureMap

# Kernel size, channels in and out, standard deviation of the start; a bias of 0 each.
NIN = (
    *((11, 3, 96, 0.01), (1, 96, 96, 0.05), (1, 96, 96, 0.05)),
    *((5, 96, 256, 0.05), (1, 256, 256, 0.05), (1, 256, 256, 0.05)),
    *((3, 256, 384, 0.01), (1, 384, 384, 0.05), (1, 384, 384, 0.05)),
    *((3, 384, 1024, 0.05), (1, 1024, 1024, 0.05)),
)
# Kernel size, channels in and out, start of the biases; 6x6 locations enter the first FC4096.
ALEXNET = (
    *((11, 3, 96, 0.0), (5, 96, 256, 0.1)),
    *((3, 256, 384, 0.0), (3, 384, 384, 0.1), (3, 384, 256, 0.1)),
    *((6, 256, 4096, 0.1), (1, 4096, 4096, 0.1)),
)


@pytest.fixture(scope="module")
def nin():
    keras.utils.set_random_seed(0)
    return nin_imagenet()


@pytest.fixture(scope="module")
def alexnet():
    keras.utils.set_random_seed(0)
    return alexnet_imagenet()


def num_parameters(layers):
    return sum((size * size * before + 1) * after for size, before, after, _ in layers)


def test_nin_has_the_published_number_of_parameters(nin):
    assert num_parameters([*NIN, (1, 1024, 1000, None)]) == 7_595_176
    assert nin.count_params() == 7_595_176 - 1025 * 1000


def test_alexnet_in_one_column_has_the_published_number_of_parameters(alexnet):
    assert num_parameters([*ALEXNET, (1, 4096, 1000, None)]) == 62_378_344
    assert alexnet.count_params() == 62_378_344 - 4097 * 1000


def described(layer):
    """What a layer is, and the height and channels (or units) of what it makes."""
    shape = layer.output.shape
    made = (shape[1], shape[-1]) if len(shape) == 4 else shape[-1]
    if isinstance(layer, keras.layers.Conv2D):
        assert (layer.activation, layer.groups) == (keras.activations.relu, 1)
        return f"conv{layer.kernel_size[0]}/{layer.strides[0]}", made
    if isinstance(layer, keras.layers.Dense):
        assert layer.activation is keras.activations.relu
        return "fc", made
    if isinstance(layer, keras.layers.MaxPooling2D):
        assert (layer.pool_size, layer.strides) == ((3, 3), (2, 2))
        return "max", made
    return type(layer).__name__, made


def sequence(model):
    """The layers in order; what pads for ceil mode is part of the pooling after it."""
    for before, layer in zip(model.layers, model.layers[1:], strict=False):
        assert layer.input is before.output
    layers = [layer for layer in model.layers[1:] if type(layer).__name__ != "ZeroPadding2D"]
    return [described(layer) for layer in layers]


def test_nin_has_the_papers_layers_in_order(nin):
    assert sequence(nin) == [
        *[("conv11/4", (54, 96)), ("conv1/1", (54, 96)), ("conv1/1", (54, 96)), ("max", (27, 96))],
        *[("conv5/1", (27, 256)), ("conv1/1", (27, 256)), ("conv1/1", (27, 256))],
        ("max", (13, 256)),
        *[("conv3/1", (13, 384)), ("conv1/1", (13, 384)), ("conv1/1", (13, 384))],
        *[("max", (6, 384)), ("Dropout", (6, 384))],
        *[("conv3/1", (6, 1024)), ("conv1/1", (6, 1024))],
    ]


def test_alexnet_has_the_papers_layers_in_order(alexnet):
    assert sequence(alexnet) == [
        *[("conv11/4", (54, 96)), ("LocalResponseNorm", (54, 96)), ("max", (27, 96))],
        *[("conv5/1", (27, 256)), ("LocalResponseNorm", (27, 256)), ("max", (13, 256))],
        *[("conv3/1", (13, 384)), ("conv3/1", (13, 384)), ("conv3/1", (13, 256))],
        *[("max", (6, 256)), ("Flatten", 9216)],
        *[("fc", 4096), ("Dropout", 4096), ("fc", 4096), ("Dropout", 4096)],
    ]
    for norm in (layer for layer in alexnet.layers if type(layer).__name__ == "LocalResponseNorm"):
        assert (norm.size, norm.alpha, norm.beta, norm.k) == (5, 1e-4, 0.75, 1.0)
        assert norm.mode == "across_channels"
    assert {layer.rate for layer in alexnet.layers if hasattr(layer, "rate")} == {0.5}


@pytest.mark.parametrize(
    ("network", "num_parameters"),
    # A 1x1 convolution of 1024 channels; 387 fully connected layers of 36 units.
    [("nin", 6_570_176 + 1025 * 387), ("alexnet", 58_281_344 + 4097 * 36 * 387)],
)
def test_each_class_of_the_papers_subset_gets_a_map_of_36_locations(
    request, network, num_parameters
):
    features = request.getfixturevalue(network)
    maps = ClassFeatureMap(387, activation="relu")
    assert maps.compute_output_shape(features.output_shape) == (None, 6, 6, 387)
    maps.build(features.output_shape)
    assert features.count_params() + maps.count_params() == num_parameters


@pytest.mark.parametrize("network", [nin_imagenet, alexnet_imagenet])
def test_crops_of_227_end_at_the_same_size(network):
    heights = [
        layer.output.shape[1]
        for layer in network((227, 227, 3), width=0.01).layers
        if isinstance(layer, keras.layers.MaxPooling2D)
    ]
    assert heights == [27, 13, 6]


def test_weights_start_as_in_caffe(nin, alexnet):
    deviations = {
        nin: [deviation for *_, deviation in NIN],
        alexnet: [0.01] * 5 + [0.005] * 2,
    }
    biases = {nin: [0.0] * 11, alexnet: [bias for *_, bias in ALEXNET]}
    for model, expected in deviations.items():
        weighted = [layer for layer in model.layers if layer.weights]
        for layer, deviation, bias in zip(weighted, expected, biases[model], strict=True):
            kernel = layer.kernel.numpy().ravel()[: 10**6]
            np.testing.assert_allclose(kernel.std(), deviation, rtol=0.03)
            np.testing.assert_allclose(layer.bias, np.float32(bias))


def test_nins_features_start_in_proportion_to_the_images():
    # Nothing normalises, and biases are zero: that is why the images' scale matters.
    images = np.random.default_rng(0).normal(scale=60, size=(2, 64, 64, 3)).astype("float32")
    network = nin_imagenet((64, 64, 3), width=0.05)
    np.testing.assert_allclose(60 * network(images / 60), network(images), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("size", [(2, 2), (5, 5), (8, 8), (6, 9)])
def test_pooling_is_in_ceil_mode(size):
    x = np.random.default_rng(0).random((*size, 2)).astype("float32")
    # Windows of 3x3 at every second place, as many as it takes to cover the map.
    rows, columns = (-(-(n - 3) // 2) + 1 for n in size)
    expected = [
        [x[2 * i : 2 * i + 3, 2 * j : 2 * j + 3].max((0, 1)) for j in range(columns)]
        for i in range(rows)
    ]
    np.testing.assert_array_equal(max_pool(keras.ops.convert_to_tensor(x[None]))[0], expected)


@pytest.mark.parametrize("network", [nin_imagenet, alexnet_imagenet])
def test_refuses_images_of_which_nothing_would_be_left(network):
    assert network((39, 40, 3), width=0.01).output_shape[1:-1] in ((1, 1), ())
    with pytest.raises(InputError) as error:
        network((40, 38, 3))
    name = network.__name__
    assert str(error.value) == f"{name}: images must be at least 39x39, got 40x38."


@pytest.mark.parametrize("network", [nin_imagenet, alexnet_imagenet])
def test_checks_its_arguments(network):
    with pytest.raises(InputError) as error:
        network(dropout=1.0)
    name = network.__name__
    assert str(error.value) == f"{name}: dropout must be at least 0 and below 1, got 1.0."
