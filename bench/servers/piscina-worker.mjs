import { register } from 'tsx/esm/api'

// A thread does not inherit the loader of a main thread that was started with `--import tsx`.
register()
const { openPlainModel } = await import('./plain-model.ts')
const model = await openPlainModel(process.env.MODEL ?? '')

/** The task of `piscina-task.ts`. */
// biome-ignore lint/style/noDefaultExport: what Piscina loads
export default (inputs) => model.predict(inputs)
