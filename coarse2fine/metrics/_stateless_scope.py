"""Whether Keras is keeping variables as they are, as it does within a `StatelessScope`."""

try:
    # Keras has no public name for it.
    from keras.src.backend.common.stateless_scope import in_stateless_scope
except ImportError:

    def in_stateless_scope() -> bool:
        """True: nothing is written in place, which is slower and right everywhere."""
        return True


__all__ = ["in_stateless_scope"]
