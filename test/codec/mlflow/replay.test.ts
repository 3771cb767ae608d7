import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { ServingError } from '../../../src/errors.ts'
import { DEVIATIONS, explain, UNPASSABLE_OUTPUTS } from './deviations.ts'
import { casesOf, type FixtureModel, loadFixture, type RecordedCase, themes } from './recorded.ts'
import { replay } from './replay.ts'

/** Pages and time limits are the server's; CSV and JSON bodies of every kind are the codec's. */
const SERVER_THEMES: readonly string[] = ['pages', 'time-limit']

const models = new Map<string, FixtureModel | ServingError>()

async function modelOf({ model }: RecordedCase): Promise<FixtureModel | ServingError> {
  const known = models.get(model)
  if (known !== undefined) return known
  const loaded = await loadFixture(model)
  models.set(model, loaded)
  return loaded
}

afterAll(async () => {
  for (const model of models.values()) {
    if (!(model instanceof ServingError)) await model.engine.release()
  }
})

describe('what MLflow 3.18 answered', () => {
  const counts = new Map<string, number>()

  for (const theme of themes().filter((name) => !SERVER_THEMES.includes(name))) {
    it(`is what Baton answers: ${theme}`, async () => {
      const unexplained: unknown[] = []
      for (const recorded of casesOf(theme)) {
        const model = await modelOf(recorded)
        if (model instanceof ServingError) {
          expect(model.code).toBe('MODEL_UNSUPPORTED')
          counts.set(UNPASSABLE_OUTPUTS, (counts.get(UNPASSABLE_OUTPUTS) ?? 0) + 1)
          continue
        }
        const answer = await replay(recorded, model)
        const reason = explain(recorded, answer)
        if (reason !== undefined) counts.set(reason, (counts.get(reason) ?? 0) + 1)
        else unexplained.push({ recorded, answer })
      }
      expect(unexplained).toEqual([])
    })
  }

  it('is the same to the byte for most requests', () => {
    expect(counts.get('same')).toBeGreaterThan(5000)
  })
})

describe('docs/mlflow-compatibility.md', () => {
  const page = readFileSync(
    new URL('../../../docs/mlflow-compatibility.md', import.meta.url),
    'utf8',
  )
  const documented = [...page.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, id]) => id)

  it('has a row for each deviation, and for nothing else', () => {
    const ids = [...DEVIATIONS.map(({ id }) => id), UNPASSABLE_OUTPUTS]
    expect(documented.toSorted()).toEqual(ids.toSorted())
  })
})
