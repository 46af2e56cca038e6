/** A process for the toolbox's own tests: says on stdout what it hears over UDP, what its clocks say, and sends when told. */
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'

const [address = '127.0.0.1'] = process.argv.slice(2)
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`)
const udp = createSocket('udp4')
const tcp = createServer((socket) => socket.on('error', () => undefined).pipe(socket))

udp.on('message', (message) => say({ heard: String(message) }))
udp.bind(0, address, () => {
  tcp.listen(0, address, () => {
    const listening = tcp.address()
    say({ ready: true, udp: udp.address().port, tcp: typeof listening === 'object' ? listening?.port : undefined })
  })
})

// commands: `send <address> <port> <text>`, `clocks`
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const [command, to = '', port = '0', text = ''] = line.split(' ')
    if (command === 'clocks') say({ wall: Date.now(), monotonic: performance.now() })
    else udp.send(text, Number(port), to)
  })
  .on('close', () => process.exit(0))
