// A Modbus TCP server that shares no code with ours: `node modbus_server.js FILE [UNIT]`.
//
// FILE holds holding registers as JSON: {"40000": [21365, 28243, ...], ...}. Reads outside of them get exception 2,
// writes are kept. Prints the port once it listens, ends with its standard input.
"use strict";

const fs = require("fs");
const net = require("net");
const { ServerTCP } = require("modbus-serial");

const [file, unit] = process.argv.slice(2);
const registers = new Map();
for (const [start, values] of Object.entries(JSON.parse(fs.readFileSync(file, "utf8")))) {
    values.forEach((value, offset) => registers.set(Number(start) + offset, value));
}

function demand(address) {
    if (!registers.has(address)) {
        throw Object.assign(new Error(`no register ${address}`), { modbusErrorCode: 2 });
    }
}

const vector = {
    getHoldingRegister(address) {
        demand(address);
        return registers.get(address);
    },
    setRegister(address, value) {
        demand(address);
        registers.set(address, value);
    },
};

// The library only takes a port number: find a free one first.
const finder = net.createServer().listen(0, "127.0.0.1", () => {
    const { port } = finder.address();
    finder.close(() => {
        const server = new ServerTCP(vector, { host: "127.0.0.1", port, unitID: Number(unit ?? 1) });
        server.on("initialized", () => console.log(port));
    });
});
process.stdin.resume().on("end", () => process.exit(0));
