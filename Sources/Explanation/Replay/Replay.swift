/// The operations of the architecture, replayed in float64 with a rounding bound for every element.
///
/// Each function is the exact formula, applied to the values of its inputs, and a bound of how far an honest float32
/// result may lie from it; errors of the inputs are carried into it. What a mistake changes is a parameter, so the
/// catalogue of causes reruns the same functions. The bounds are derived in `docs/rounding.md`, under the same names.
enum Replay {}
