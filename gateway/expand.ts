/**
 * `expand`: which ids of an answer are replaced by what they stand for. Paths are dotted (`payment.refunds`), at most 4
 * levels deep; one that does not exist is refused.
 *
 * A read takes it from the query (`expand[]=refunds`). A request that changes something takes it from its body: there it
 * is part of what the fingerprint covers, so a repeat has the same, and a replay is byte-identical without anything of it
 * being stored.
 */
import { httpLimits } from '../runtime/limits.ts'
import type { Refusal } from './problem.ts'

/** What can be expanded, by member; of what is expanded there, again by member. */
export interface ExpandTree {
  readonly [member: string]: ExpandTree
}

/** What is expanded: a part of a tree. */
export type Expansion = ExpandTree

export const noExpansion: Expansion = Object.freeze({})

export const paymentTree: ExpandTree = { latest_attempt: {}, captures: {}, refunds: {}, disputes: {} }
export const refundTree: ExpandTree = { payment: paymentTree }

/** A list's paths begin with `data`, as they name members of its items. */
export const paymentListTree: ExpandTree = { data: paymentTree }
export const refundListTree: ExpandTree = { data: refundTree }

export type ExpandResult =
  | { readonly ok: true; readonly expansion: Expansion }
  | { readonly ok: false; readonly refusal: Refusal }

export function expansionOf(paths: readonly string[] | undefined, tree: ExpandTree): ExpandResult {
  if (paths === undefined || paths.length === 0) return { ok: true, expansion: noExpansion }
  const expansion: Record<string, ExpandTree> = {}
  for (const path of paths) {
    const members = path.split('.', httpLimits.expandDepthMax + 1)
    if (members.length > httpLimits.expandDepthMax) {
      return refused(`expand goes at most ${httpLimits.expandDepthMax} levels deep.`)
    }
    let allowed = tree
    let into = expansion
    for (const member of members) {
      const next = Object.hasOwn(allowed, member) ? allowed[member] : undefined
      if (next === undefined) return refused(`expand can name: ${pathsOf(tree).join(', ')}.`)
      into[member] ??= {}
      into = into[member]
      allowed = next
    }
  }
  return { ok: true, expansion }
}

/** Every path of a tree, parents before children. */
export function pathsOf(tree: ExpandTree): readonly string[] {
  return Object.entries(tree).flatMap(([member, inner]) => [
    member,
    ...pathsOf(inner).map((path) => `${member}.${path}`),
  ])
}

function refused(message: string): ExpandResult {
  return { ok: false, refusal: { code: 'parameter_invalid', param: 'expand', message } }
}
