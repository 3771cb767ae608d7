import { readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { REPOSITORY, whyNotHere } from './support/backends.ts'
import { Baton } from './support/baton.ts'
import { Cleanup } from './support/cleanup.ts'
import { MlflowServer } from './support/mlflow.ts'

const folder = (name: string) => path.join(REPOSITORY, name)

/** Folders of models, and requests beside each one's own example. */
const MODELS: Readonly<
  Record<string, { readonly folder: string; readonly bodies: readonly unknown[] }>
> = {
  'iris-logistic': {
    folder: folder('models/iris-classifier/1'),
    bodies: [
      {
        inputs: [
          [5.9, 3, 4.2, 1.5],
          [6.3, 3.3, 6, 2.5],
        ],
      },
      { instances: [[5.9, 3, 4.2, 1.5]] },
      { dataframe_split: { data: [[5.9, 3, 4.2, 1.5]] } },
      { inputs: [] },
    ],
  },
  'iris-forest': {
    folder: folder('models/iris-classifier/2'),
    bodies: [{ inputs: [[6.1, 2.6, 5.6, 1.4]] }],
  },
  'identity-columns': {
    folder: folder('test/fixtures/models/identity-columns'),
    bodies: [
      {
        dataframe_records: [
          { a: 1, b: 2, c: 3 },
          { c: 1.5, b: -2, a: 1e300 },
        ],
      },
      { dataframe_split: { columns: ['c', 'a', 'b', 'more'], data: [[3, 1, 2, 'x']] } },
      { inputs: { a: [1, 2], b: [3, 4], c: [5, 6] } },
      { instances: [{ a: 1, b: 2, c: 3 }] },
      { dataframe_records: [{ a: 1, b: 2 }] },
    ],
  },
  strings: {
    folder: folder('test/fixtures/models/strings'),
    bodies: [
      { inputs: { text: ['', 'ä€😀', '"\\'] } },
      { instances: [{ text: 'a' }, { text: 'b' }] },
    ],
  },
  'two-inputs': {
    folder: folder('test/fixtures/models/two-inputs'),
    bodies: [
      {
        inputs: {
          a: [
            [1, 2],
            [3, 4],
          ],
          b: [10, 20],
        },
      },
      { instances: [{ a: [1, 2], b: 10 }] },
      { inputs: { a: [[1, 2]] } },
    ],
  },
  'no-signature': {
    folder: folder('test/fixtures/models/no-signature'),
    bodies: [{ inputs: [[1.5, 2, 3, 4]] }, { inputs: { x: [[1.5, 2, 3, 4]] } }],
  },
}

describe.skipIf(whyNotHere('mlflow.sh'))('predictions of `mlflow models serve`', () => {
  const cleanup = new Cleanup()
  let mlflow: MlflowServer
  let baton: Baton

  beforeAll(async () => {
    mlflow = cleanup.add(await MlflowServer.start(['sqlite']), (it) => it.remove())
    await mlflow.registerFolders(
      Object.fromEntries(Object.entries(MODELS).map(([name, model]) => [name, model.folder])),
    )
    const MODEL_URI = Object.keys(MODELS)
      .map((name) => `models:/${name}/1`)
      .join(' ')
    baton = cleanup.add(await Baton.start({ env: { ...mlflow.clientEnv, MODEL_URI } }), (it) =>
      it.remove(),
    )
  })
  afterAll(() => cleanup.run())

  test.each(Object.entries(MODELS))('are those of Baton: %s', async (name, model) => {
    const scoring = await mlflow.serve(`models:/${name}/1`)
    try {
      for (const body of [...example(model.folder), ...model.bodies]) {
        const [theirs, ours] = [await scoring.predict(body), await baton.predict(body, name)]
        expect.soft(ours.status, `${JSON.stringify(body)}: ${ours.text}`).toBe(theirs.status)
        if (ours.status === 200) expect.soft(JSON.parse(ours.text)).toEqual(JSON.parse(theirs.text))
      }
    } finally {
      await scoring.remove()
    }
  })
})

/** The request that MLflow saved beside the model, where there is one. */
function example(model: string): readonly unknown[] {
  try {
    return [JSON.parse(readFileSync(path.join(model, 'serving_input_example.json'), 'utf8'))]
  } catch {
    return []
  }
}
