"""The operations of TensorFlow that an exported model may have.

They are those of the exports of this package's backbones, of the networks of `keras.applications`,
and of networks of Keras's own layers, as TensorFlow writes them. They compute; none reads or
writes a file, opens a connection or calls Python.
"""

OPERATIONS = frozenset(
    """
    Abs Acos Acosh AddV2 All Any ArgMax ArgMin Asin Asinh Assert AssignVariableOp Atan Atan2
    Atanh AvgPool AvgPool3D BatchMatMulV2 BatchToSpaceND BiasAdd Bitcast BitwiseAnd
    BroadcastTo Cast Ceil Complex ConcatV2 Const Conv2D Conv2DBackpropInput Conv3D
    Conv3DBackpropInputV2 Cos Cosh Cumprod Cumsum DecodeImage DecodeRaw DepthwiseConv2dNative
    DisableCopyOnRead DivNoNan Einsum Elu EnsureShape Equal Erf Erfc Erfinv Exp ExpandDims
    Expm1 ExtractJpegShape FFT2D Fill Floor FloorDiv FloorMod FusedBatchNormV3 GatherV2
    Greater GreaterEqual Identity IdentityN If Imag IsFinite IsInf IsNan LeakyRelu Less
    LessEqual Log Log1p LogSoftmax LogicalAnd LogicalNot LogicalOr MatMul MatrixBandPart
    MatrixDiagPartV3 MatrixDiagV3 Max MaxPool MaxPool3D Maximum Mean Min Minimum MirrorPad Mul
    Neg NoOp NotEqual OneHot OnesLike Pack Pad PadV2 PartitionedCall Placeholder
    PlaceholderWithDefault Pow Prod RFFT Range ReadVariableOp Real RealDiv Reciprocal Relu
    Relu6 Reshape ResizeBicubic ResizeBilinear ResizeNearestNeighbor ReverseV2 Roll Round
    Rsqrt ScaleAndTranslate Select SelectV2 Selu Shape ShardedFilename Sigmoid Sign Sin Sinh
    Softmax Softplus Softsign SpaceToBatchND Split Sqrt Square SquaredDifference Squeeze
    StatefulPartitionedCall StatelessIf StatelessWhile StaticRegexFullMatch StopGradient
    StridedSlice StringJoin StringLength Sub Substr Sum Tan Tanh TensorListFromTensor
    TensorListGetItem TensorListReserve TensorListSetItem TensorListStack Tile TopKV2
    Transpose Unique Unpack UnsortedSegmentSum VarHandleOp VarIsInitializedOp While ZerosLike
    """.split()
)

# Of the functions by which a SavedModel's variables would be saved and restored. Loading a model
# calls none of these functions.
OF_SAVER = frozenset({"MergeV2Checkpoints", "RestoreV2", "SaveV2"})
