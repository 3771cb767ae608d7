import { ServingError } from '../../errors.ts'
import type { ModelVersion } from '../../interfaces.ts'
import { compareContracts } from '../../model/contract-change.ts'
import {
  CONTRACT_CHANGES,
  type ContractChange,
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
    if (CONTRACT_CHANGES.indexOf(change) <= CONTRACT_CHANGES.indexOf(accepted)) {
      return { contract: { change, differences: texts, accepted: undefined } }
    }
    const excuse = parts.excuse(registered)
    if (excuse === undefined) throw refused(registered, serving.version, change, accepted, texts)
    return { contract: { change, differences: texts, accepted: excuse } }
  }
}

function refused(
  { name, version }: ModelVersion,
  serving: string,
  change: ContractChange,
  accepted: ContractChange,
  differences: readonly string[],
): ServingError {
  const how = change === 'breaking' ? 'would break clients of' : 'is not identical to'
  return new ServingError(
    'CONTRACT_BREAKING',
    `Version ${version} ${how} version ${serving}: ${differences.join('; ')}. ` +
      `Accepted are changes up to "${accepted}" (--accept-contract); to accept this one once: baton allow ${name} --version ${version}`,
    { details: { change, accepted, differences } },
  )
}
