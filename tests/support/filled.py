"""Networks whose weights are a function of their names, as the golden files have them."""

import numpy as np
import paddle
from golden.name_seeded import name_seeded


def fill(model: paddle.nn.Layer) -> None:
    """Gives every entry of the state dict the values of its name."""
    linear_weights = {
        f"{name}.weight"
        for name, layer in model.named_sublayers()
        if isinstance(layer, paddle.nn.Linear)
    }
    values = {}
    for name, tensor in model.state_dict().items():
        if name in linear_weights:  # Paddle [in, out], canonical [out, in]
            values[name] = np.ascontiguousarray(name_seeded(name, tensor.shape[::-1]).T)
        else:
            values[name] = name_seeded(name, tensor.shape)
    state = {name: paddle.to_tensor(value) for name, value in values.items()}
    missing, unexpected = model.set_state_dict(state)
    assert not missing
    assert not unexpected
    for name, tensor in model.state_dict().items():
        np.testing.assert_array_equal(tensor.numpy(), values[name], err_msg=name)
