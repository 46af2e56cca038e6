/** Posts webhooks over HTTP. Redirects are answers like any other; what an endpoint says beside its status is not read. */
import { Agent, errors, request } from 'undici'
import type { PostRequest, PostResult, Transport } from './ports.ts'

const timeoutMs = 10_000

export function httpTransport(connections: number): Transport {
  const agent = new Agent({ connections, pipelining: 1, keepAliveTimeout: 4_000, connect: { timeout: timeoutMs } })
  return {
    async post({ url, headers, body }: PostRequest): Promise<PostResult> {
      try {
        const signal = AbortSignal.timeout(timeoutMs)
        const answer = await request(url, { dispatcher: agent, method: 'POST', headers, body, signal })
        await answer.body.dump()
        return { kind: 'answered', status: answer.statusCode }
      } catch (error) {
        return { kind: 'failed', reason: isTimeout(error) ? 'timeout' : 'connection_failed' }
      }
    },
    close: () => agent.destroy(),
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof errors.ConnectTimeoutError || (error instanceof Error && error.name === 'TimeoutError')
}
