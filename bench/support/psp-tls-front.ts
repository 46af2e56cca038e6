/**
 * TLS before the simulated PSPs, in a process of its own as a PSP's edge is: it takes TLS off and passes bytes on. Its
 * certificate is made anew and vouches for itself; whoever calls trusts the file that it is written to.
 *
 *   node psp-tls-front.ts <URL of the simulator> <file for the certificate>
 */
import '../../cluster/tls-reflect.ts'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, connect } from 'node:net'
import { pipeline } from 'node:stream'
import { createServer } from 'node:tls'
import * as x509 from '@peculiar/x509'
import { exitWithParent } from '../../runtime/parent.ts'

exitWithParent()
const [simulator = '', certificateFile = ''] = process.argv.slice(2)
const { hostname, port } = new URL(simulator)
const address = '127.0.0.1'
const dayMs = 24 * 3_600_000

async function makeIdentity(): Promise<{ readonly key: string; readonly cert: string }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=simulated PSPs',
    notBefore: new Date(Date.now() - dayMs),
    notAfter: new Date(Date.now() + dayMs),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true),
      new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: address }]),
    ],
  })
  const key = x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY')
  return { key, cert: certificate.toString('pem') }
}

const identity = await makeIdentity()
writeFileSync(certificateFile, identity.cert)
const server = createServer({ ...identity, noDelay: true }, (outside) => {
  const inside = connect({ host: hostname, port: Number(port), noDelay: true })
  // either side may end a connection when it likes
  pipeline(outside, inside, () => {})
  pipeline(inside, outside, () => {})
})
server.listen(0, address, () => {
  const url = `https://${address}:${(server.address() as AddressInfo).port}`
  console.log(JSON.stringify({ ready: true, url, pid: process.pid }))
})
process.once('SIGTERM', () => process.exit(0))
