/** Random numbers that are the same on every machine: mulberry32 (https://github.com/bryc/code). */
export function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Weights with mean 0 and the given standard deviation (uniform). */
export function randomWeights(
  random: () => number,
  count: number,
  deviation: number,
): Float32Array<ArrayBuffer> {
  const width = deviation * Math.sqrt(12)
  return Float32Array.from({ length: count }, () => (random() - 0.5) * width)
}
