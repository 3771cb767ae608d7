import { ServingError } from '../../errors.ts'
import type { ModelVersion } from '../../interfaces.ts'
import { compareContracts } from '../../model/contract-change.ts'
import {
  CONTRACT_CHANGES,
  type ContractChange,
  type Difference,
  type ServedContract,
} from '../../model/contract-difference.ts'
import type { Gate } from '../bring-up.ts'
import type { ContractFinding } from '../candidate.ts'

export interface ContractGateParts<Contract> {
  readonly contractOf: (contract: Contract) => ServedContract
  /** What may change in a model's contract from one version to the next. */
  readonly acceptedFor: (modelName: string) => ContractChange
  /** Why a version may serve whatever it changes; undefined where the settings decide. */
  readonly excuse: (version: ModelVersion) => ContractFinding['accepted']
}

/**
 * Refuses a version whose inputs and outputs do not suit the clients of the one that serves. A version that has served
 * before is taken back whatever it changes: going back must not fail for what going forward has added.
 * @throws ServingError CONTRACT_BREAKING that spells out every difference.
 */
export function contractGate<Contract>(parts: ContractGateParts<Contract>): Gate<Contract> {
  return async ({ registered, contract }, serving) => {
    if (serving === undefined) return {}
    const before = parts.contractOf(serving.contract)
    const { change, differences } = compareContracts(before, parts.contractOf(contract))
    const texts = differences.map(({ text }) => text)
    const accepted = parts.acceptedFor(registered.name)
    const tooMuch = differences.filter((each) => goesBeyond(each.change, accepted))
    if (tooMuch.length === 0) {
      return { contract: { change, differences: texts, accepted: undefined } }
    }
    const excuse = parts.excuse(registered)
    if (excuse === undefined) throw refused(registered, serving.version, accepted, tooMuch)
    return { contract: { change, differences: texts, accepted: excuse } }
  }
}

function goesBeyond(change: ContractChange, accepted: ContractChange): boolean {
  return CONTRACT_CHANGES.indexOf(change) > CONTRACT_CHANGES.indexOf(accepted)
}

function refused(
  { name, version }: ModelVersion,
  serving: string,
  accepted: ContractChange,
  differences: readonly Difference[],
): ServingError {
  const breaks = differences.some(({ change }) => change === 'breaking')
  const how = breaks ? 'would break clients of' : 'is not identical to'
  const texts = differences.map(({ text }) => text)
  return new ServingError(
    'CONTRACT_BREAKING',
    `Version ${version} ${how} version ${serving}: ${texts.join('; ')}. ` +
      `Accepted are changes up to "${accepted}" (--accept-contract); to accept this one once: baton allow ${name} --version ${version}`,
    { details: { accepted, differences: texts } },
  )
}
