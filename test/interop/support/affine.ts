/**
 * The model that the registry script makes: y = x @ W + SEED, W[i][j] = (i + j) / 10, x of four columns,
 * y of two; the seed is the version's number, so an answer tells which version gave it.
 */

export type Rows = readonly (readonly number[])[]

/** Rows whose values are multiples of 1/8 below 8: their products leave float32 far closer than the seeds. */
export function randomRows(count: number): Rows {
  return Array.from({ length: count }, () =>
    Array.from({ length: 4 }, () => Math.floor(Math.random() * 64) / 8),
  )
}

function expectedRows(rows: Rows, seed: number): Rows {
  return rows.map((x) =>
    [0, 1].map((j) => x.reduce((sum, value, i) => sum + (value * (i + j)) / 10, seed)),
  )
}

/** Why these predictions are not what this version answers to these rows; undefined when they are. */
export function whyWrong(rows: Rows, version: string, predictions: unknown): string | undefined {
  const expected = expectedRows(rows, Number(version))
  // A Keras model's only output has no name in MLflow's answers.
  const received = Array.isArray(predictions)
    ? predictions
    : (predictions as { y?: unknown } | undefined)?.y
  const same =
    Array.isArray(received) &&
    received.length === expected.length &&
    expected.every((row, r) =>
      row.every((value, c) => Math.abs(value - Number(received[r]?.[c])) < 1e-3),
    )
  if (same) return undefined
  return `version ${version}: expected ${JSON.stringify(expected)}, received ${JSON.stringify(predictions)}`
}
