// Uploads a volume of 512 x 512 x 300 (int16) as 3D Slicer's module does to `medsam2 slicer-bridge` on this machine, and says
// how long it takes until it is parsed and how much memory that needs (Linux). Needs the compiled packages.
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { int16, int64, npz } from '../tests/dist/slicer-bridge/plug-in.js';

const shape = [300, 512, 512];
const mebibyte = 2 ** 20;
const program = fileURLToPath(new URL('../server/bin/medsam2.js', import.meta.url));
const server = spawn(process.execPath, [program, 'slicer-bridge', '--port', '0'], {
  stdio: ['ignore', 'pipe', 'ignore'],
});
const port = await new Promise((resolve) => {
  server.stdout.on('data', (text) => /Port = (\d+)/.test(text) && resolve(Number(/Port = (\d+)/.exec(text)[1])));
});
const memory = (name) =>
  Number(new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))[1]) / 1024;
const processor = () => {
  const fields = readFileSync(`/proc/${server.pid}/stat`, 'utf8').split(' ');
  return (Number(fields[13]) + Number(fields[14])) / 100;
};

try {
  const volume = new Int16Array(shape[0] * shape[1] * shape[2]);
  for (let run = 1; run <= 3; run++) {
    for (let i = 0; i < volume.length; i++) volume[i] = (i * run * 7919) % 2000;
    const body = await npz({
      imgs: int16(shape, volume),
      boxes: int64([1, 4], [100, 100, 200, 200]),
      z_range: int64([3], [10, 200, 105]),
    });
    for (const again of [false, true]) {
      writeFileSync(`/proc/${server.pid}/clear_refs`, '5'); // the peak begins anew
      const [before, used, begin] = [memory('VmRSS'), processor(), performance.now()];
      const status = await upload(body);
      const seconds = (performance.now() - begin) / 1000;
      const peak = (memory('VmHWM') - before) / (volume.byteLength / mebibyte);
      console.log(
        `${again ? 'again' : 'new  '}: status ${status}, ${seconds.toFixed(2)} s, processor ${(processor() - used).toFixed(2)} s, ` +
          `memory ${Math.max(0, peak).toFixed(2)} times the volume`,
      );
      await send('POST', '/run_script', 'propagate=Y', 'application/x-www-form-urlencoded'); // refused: ends the click
      await send('GET', '/download_file', '', 'application/x-www-form-urlencoded');
    }
  }
} finally {
  server.kill();
}

function upload(body) {
  const head = '--x\r\nContent-Disposition: form-data; name="file"; filename="img_data.npz"\r\n\r\n';
  const whole = Buffer.concat([Buffer.from(head), body, Buffer.from('\r\n--x--\r\n')]);
  return send('POST', '/upload', whole, 'multipart/form-data; boundary=x');
}

function send(method, path, body, type) {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': type, 'Content-Length': body.length };
    const sent = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (answer) => {
      answer.resume().on('end', () => resolve(answer.statusCode));
    });
    sent.on('error', reject).end(body);
  });
}
