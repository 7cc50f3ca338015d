"""One feature map per class."""

import keras
from keras import ops

from coarse2fine.errors import InputError


@keras.saving.register_keras_serializable("coarse2fine")
class ClassFeatureMap(keras.layers.Layer):
    """Turns a base network's features into one feature map per class.

    Use it as the last layer of a base network, before `MinPoolCoarse` and `GlobalAvg`. From a
    feature map it is a 1x1 convolution, as in NIN. From a vector it is `num_classes` parallel
    fully connected layers of `map_size**2` units, each reshaped to a map, as in Lei's AlexNet.

    With features `x`, location `i` and class `k` (the `M_f` of Lei 2017, Eq. 2):

        M_f[i, k] = activation(x[i] . kernel[k] + bias[k])       from a feature map
        M_f[i, k] = activation(x . kernel[i, k] + bias[i, k])    from a vector

    Args:
        num_classes: Number of classes, and so of maps.
        activation: Name or function applied to the maps, in the compute dtype. "relu" in Lei's
            networks; None suits networks that end in global average pooling.
        map_size: Height and width of the maps made from a vector. Not used for a feature map,
            whose height and width are kept.
        kernel_initializer: Initialiser of the weights. The fan-in is the number of features.
        bias_initializer: Initialiser of the biases.
        **kwargs: Arguments of `keras.layers.Layer`.

    Input shape:
        `(batch, height, width, channels)` or `(batch, units)`.

    Output shape:
        `(batch, height, width, num_classes)`; from a vector
        `(batch, map_size, map_size, num_classes)`.

    Example:
        >>> from keras import ops
        >>> ClassFeatureMap(100, activation="relu")(ops.ones((2, 8, 8, 192))).shape
        TensorShape([2, 8, 8, 100])
        >>> ClassFeatureMap(100, activation="relu", map_size=6)(ops.ones((2, 1024))).shape
        TensorShape([2, 6, 6, 100])

    Reference:
        Lei, Guo, Wang, "Weakly Supervised Image Classification with Coarse and Fine Labels",
        CRV 2017, section IV.
    """

    def __init__(
        self,
        num_classes,
        activation=None,
        map_size=6,
        kernel_initializer="he_normal",
        bias_initializer="zeros",
        **kwargs,
    ):
        super().__init__(**kwargs)
        for argument, value in (("num_classes", num_classes), ("map_size", map_size)):
            if int(value) != value or value < 1:
                raise InputError(
                    f"ClassFeatureMap: {argument} must be a whole number of at least 1, "
                    f"got {value!r}."
                )
        self.num_classes = int(num_classes)
        self.activation = keras.activations.get(activation)
        self.map_size = int(map_size)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def build(self, input_shape):
        """Adds the weights for features of `input_shape`."""
        self._check_rank(input_shape)
        features = input_shape[-1]
        if features is None:
            raise InputError(
                "ClassFeatureMap: the last dimension of the features must be known, "
                f"got input shape {tuple(input_shape)}."
            )
        if len(input_shape) == 4:
            kernel_shape: tuple[int, ...] = (1, 1, features, self.num_classes)
        else:
            kernel_shape = (features, self.map_size**2 * self.num_classes)
        self.kernel = self.add_weight(
            shape=kernel_shape, initializer=self.kernel_initializer, name="kernel"
        )
        self.bias = self.add_weight(
            shape=kernel_shape[-1:], initializer=self.bias_initializer, name="bias"
        )

    def call(self, features):
        """Returns one map per class, in the compute dtype."""
        if len(features.shape) == 4:
            maps = ops.conv(features, self.kernel, data_format="channels_last") + self.bias
        else:
            # The units lie location by location and class by class within a location, so the
            # maps are a view of one product and nothing has to be transposed.
            maps = ops.matmul(features, self.kernel) + self.bias
            maps = ops.reshape(maps, (-1, self.map_size, self.map_size, self.num_classes))
        return self.activation(maps)

    def compute_output_shape(self, input_shape):
        """Returns the shape of the maps made from `input_shape`."""
        self._check_rank(input_shape)
        if len(input_shape) == 4:
            return (*input_shape[:-1], self.num_classes)
        return (input_shape[0], self.map_size, self.map_size, self.num_classes)

    def _check_rank(self, input_shape):
        if len(input_shape) not in (2, 4):
            raise InputError(
                "ClassFeatureMap: expected features of shape (batch, height, width, channels) or "
                f"(batch, units), got {tuple(input_shape)}."
            )

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "activation": keras.activations.serialize(self.activation),
            "map_size": self.map_size,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }
