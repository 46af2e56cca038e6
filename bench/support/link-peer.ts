/**
 * The other end of the links' benchmark, a process of its own: answers every call with what a payment's answer looks like,
 * and says what CPU it has used. Its address is the first line on stdout; it ends when stdin does.
 */
import { createLinks } from '../../cluster/links.ts'
import { LinkTls } from '../../cluster/tls.ts'
import { createWsNetwork } from '../../cluster/ws-network.ts'
import { systemClock } from '../../runtime/clock.ts'
import { systemRandom } from '../../runtime/random.ts'
import { answerTo, type BenchEnvelope, nodePeer } from './link-envelopes.ts'

const [certFile, keyFile, caFile] = process.argv.slice(2)
const tls =
  certFile === undefined || keyFile === undefined || caFile === undefined
    ? undefined
    : new LinkTls({ files: { certFile, keyFile, caFile }, clock: systemClock })

const links = createLinks({
  self: { ...nodePeer, roles: ['node'], build: 'bench' },
  network: createWsNetwork({ host: '127.0.0.1', port: 0, ...(tls !== undefined && { tls }) }),
  clock: systemClock,
  random: systemRandom,
})
links.onCall('route', (_from, body) => Promise.resolve(answerTo(body as BenchEnvelope)))
links.onCall('cpu', () => {
  const { user, system } = process.cpuUsage()
  return Promise.resolve(user + system)
})
console.log(await links.listen())

process.stdin.on('end', () => {
  tls?.close()
  void links.close()
})
process.stdin.resume()
