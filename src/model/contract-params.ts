import { compatible, type Difference } from './contract-difference.ts'
import type { ParamSpec } from './signature.ts'
import { columnTypeText, columnWidth } from './type-width.ts'

/**
 * Every param has a default, and MLflow ignores those that a signature does not name: only one that takes fewer values
 * breaks a client (mlflow/models/utils.py, `_enforce_params_schema`).
 */
export function compareParams(
  before: readonly ParamSpec[],
  after: readonly ParamSpec[],
): Difference[] {
  const known = new Map(before.map((param) => [param.name, param]))
  const added = after.filter(({ name }) => !known.has(name))
  const names = new Set(after.map(({ name }) => name))
  const gone = before.filter(({ name }) => !names.has(name))
  return [
    ...after.flatMap((param) => {
      const old = known.get(param.name)
      return old === undefined ? [] : compareParam(old, param)
    }),
    ...added.map((param) =>
      compatible(`param "${param.name}" is new, with the default ${JSON.stringify(param.default)}`),
    ),
    ...gone.map(({ name }) =>
      compatible(`param "${name}" is gone; it is ignored where it is sent`),
    ),
  ]
}

function compareParam(before: ParamSpec, after: ParamSpec): Difference[] {
  const differences: Difference[] = []
  const types = [typeText(before), typeText(after)]
  if (types[0] !== types[1]) {
    const wider = (before.shape === null) === (after.shape === null) && takesMore(before, after)
    const text = `param "${after.name}" changed from ${types[0]} to ${types[1]}`
    differences.push({ change: wider ? 'compatible' : 'breaking', text })
  }
  const defaults = [JSON.stringify(before.default), JSON.stringify(after.default)]
  if (defaults[0] !== defaults[1]) {
    const text = `the default of param "${after.name}" changed from ${defaults[0]} to ${defaults[1]}`
    differences.push(compatible(text))
  }
  return differences
}

/** Params are checked by their Python types: an int fits integer and long alike, and float and double too. */
function takesMore({ type: before }: ParamSpec, { type: after }: ParamSpec): boolean {
  if (before.kind !== 'scalar' || after.kind !== 'scalar') {
    return columnWidth(before, after) === 'wider'
  }
  const whole = ['integer', 'long']
  const real = ['float', 'double']
  if (whole.includes(before.type)) return [...whole, ...real].includes(after.type)
  return real.includes(before.type) && real.includes(after.type)
}

function typeText({ type, shape }: ParamSpec): string {
  return shape === null ? columnTypeText(type) : `list of ${columnTypeText(type)}`
}
