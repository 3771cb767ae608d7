/**
 * A value as Python's `json.loads` gives it. JSON.parse cannot: it merges `1` with `1.0`, rounds integers
 * beyond 2^53 and refuses NaN. Here an int token is a `bigint`, a float token (`NaN` and `Infinity`
 * included) a `number`, and an object a Map in order of first appearance, the last duplicate's value kept.
 */
export type PyValue = null | boolean | bigint | number | string | readonly PyValue[] | PyDict

export type PyDict = ReadonlyMap<string, PyValue>
