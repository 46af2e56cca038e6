/**
 * The history as operations: each invocation with its end. What never ended is `info`: its client was ended, or is
 * still waiting. Memory is one record per operation under way.
 */
import type { EndType, HistoryLine, Invocation, OperationName, ToldPayment, ToldRefund } from '../history.ts'

export interface ClientOperation {
  readonly i: number
  readonly proc: string
  readonly f: OperationName
  readonly phase: 'load' | 'final'
  readonly merchant: string
  readonly mode: string
  readonly key: string | null
  readonly body: string | null
  readonly gateway: string
  readonly startNs: number
  /** Infinity (null in JSON) where it never ended. */
  readonly endNs: number | null
  readonly type: EndType
  readonly status?: number
  readonly code?: string
  readonly payment?: string
  readonly version?: number
  readonly resp?: string
  readonly replayed?: boolean
  readonly value?: ToldPayment | ToldRefund
}

/** @throws where the lines are no history: an end without its beginning, a number used twice. */
export async function* clientOperations(history: AsyncIterable<HistoryLine>): AsyncGenerator<ClientOperation> {
  const underway = new Map<number, Invocation>()
  for await (const line of history) {
    if (line.type === 'invoke') {
      if (underway.has(line.i)) throw new Error(`operation ${line.i} begins twice`)
      underway.set(line.i, line)
      continue
    }
    const invocation = underway.get(line.i)
    if (invocation === undefined) throw new Error(`operation ${line.i} ends without having begun`)
    underway.delete(line.i)
    const { status, code, version, resp_hash: resp, replayed, value } = line
    const payment = line.payment_id ?? invocation.payment_id
    yield {
      ...begun(invocation),
      endNs: line.t_mono_ns,
      type: line.type,
      ...(status !== undefined && { status }),
      ...(code !== undefined && { code }),
      ...(payment !== undefined && { payment }),
      ...(version !== undefined && { version }),
      ...(resp !== undefined && { resp }),
      ...(replayed === true && { replayed }),
      ...(value !== undefined && { value }),
    }
  }
  for (const invocation of underway.values()) {
    const { payment_id: payment } = invocation
    yield { ...begun(invocation), endNs: null, type: 'info', ...(payment !== undefined && { payment }) }
  }
}

function begun({ i, proc, f, phase, merchant, mode, key, body_hash, gateway, t_mono_ns }: Invocation) {
  return { i, proc, f, phase, merchant, mode, key, body: body_hash, gateway, startNs: t_mono_ns } as const
}
