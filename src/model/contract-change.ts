import type { ContractChange, Difference, ServedContract } from './contract-difference.ts'
import { compareInputs } from './contract-inputs.ts'
import { compareOutputs } from './contract-outputs.ts'
import { compareParams } from './contract-params.ts'

export interface ContractComparison {
  readonly change: ContractChange
  /** What breaks comes first. */
  readonly differences: readonly Difference[]
}

/** Compares the contract of a new version with that of the one whose clients it is to answer. */
export function compareContracts(
  before: ServedContract,
  after: ServedContract,
): ContractComparison {
  const found = [
    ...compareInputs(before, after),
    ...compareParams(before.signature?.params ?? [], after.signature?.params ?? []),
    ...compareOutputs(before, after),
  ]
  const breaking = found.filter(({ change }) => change === 'breaking')
  const compatible = found.filter(({ change }) => change === 'compatible')
  const change = breaking.length > 0 ? 'breaking' : found.length > 0 ? 'compatible' : 'identical'
  return { change, differences: [...breaking, ...compatible] }
}
