import { ServingError } from '../../errors.ts'
import type { ModelVersion } from '../../interfaces.ts'
import { compareContracts } from '../../model/contract-change.ts'
import {
  CONTRACT_CHANGES,
  type ContractChange,
  type Difference,
  type ServedContract,
} from '../../model/contract-difference.ts'
import type { ContractFinding } from '../candidate.ts'
import type { Gate } from '../handover/bring-up.ts'
import type { ServedModel } from '../served-model.ts'

export interface ContractGateParts<Contract> {
  readonly contractOf: (contract: Contract) => ServedContract
  /** What may change in a model's contract from one version to the next. */
  readonly acceptedFor: (modelName: string) => ContractChange
  /**
   * Why a version may serve whatever it changes; undefined where the settings decide.
   * @param ref the reference that is to serve it; every one that wants it where none is named.
   */
  readonly excuse: (version: ModelVersion, ref?: string) => ContractFinding['accepted']
}

/**
 * Refuses a version whose inputs and outputs do not suit the clients of the one that serves. A version that has served
 * before is taken back whatever it changes: going back must not fail for what going forward has added.
 * @throws ServingError CONTRACT_BREAKING that spells out every difference.
 */
export function contractGate<Contract>(parts: ContractGateParts<Contract>): Gate<Contract> {
  return async ({ registered, contract }, serving) => {
    if (serving === undefined) return {}
    const { change, differences, refusal } = judge({ registered, contract }, serving, parts)
    const accepted = refusal && parts.excuse(registered)
    if (refusal !== undefined && accepted === undefined) throw refusal
    return { contract: { change, differences, accepted } }
  }
}

function judge<Contract>(
  { registered, contract }: Pick<ServedModel<Contract>, 'registered' | 'contract'>,
  serving: ServedModel<Contract>,
  { contractOf, acceptedFor }: ContractGateParts<Contract>,
) {
  const { change, differences } = compareContracts(
    contractOf(serving.contract),
    contractOf(contract),
  )
  const accepted = acceptedFor(registered.name)
  const tooMuch = differences.filter((each) => goesBeyond(each.change, accepted))
  const refusal =
    tooMuch.length === 0 ? undefined : refused(registered, serving.version, accepted, tooMuch)
  return { change, differences: differences.map(({ text }) => text), refusal }
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
