import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { BenchModels } from '../models/bench-models.ts'

/** Puts `count` copies of iris into the registry; returns their names and the way to take them out again. */
export async function addSmallModels(
  { registry }: BenchModels,
  count: number,
): Promise<{ readonly names: readonly string[]; readonly remove: () => Promise<void> }> {
  const names = Array.from({ length: count }, (_, i) => `small-${i}`)
  for (const name of names) {
    await cp(join(registry, 'iris'), join(registry, name), { recursive: true })
  }
  const remove = async () => {
    for (const name of names) await rm(join(registry, name), { recursive: true })
  }
  return { names, remove }
}

/** The reference and the scoring path of one of them. */
export function smallModelUri(name: string): string {
  return `models:/${name}@champion`
}

export function smallModelPath(name: string): string {
  return `/models/${name}/invocations`
}
