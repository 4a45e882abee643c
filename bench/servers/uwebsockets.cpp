// uWebSockets as a program: echo, or one message for all subscribers of a topic. Writes its port to stdout.
//
//   uwebsockets echo|broadcast SIZE PER_TURN

#include "App.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/prctl.h>
#include <signal.h>
#include <string>

struct Nothing {};

int main(int, char **arguments) {
    // The harness kills the process that started this one.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const bool broadcasts = !strcmp(arguments[1], "broadcast");
    const std::string message(std::atoi(arguments[2]), 'x');
    const int perTurn = std::atoi(arguments[3]);

    uWS::App app;
    uWS::App::WebSocketBehavior<Nothing> behavior;
    behavior.compression = uWS::DISABLED;
    behavior.maxPayloadLength = 600u * 1024 * 1024;
    behavior.maxBackpressure = 600u * 1024 * 1024;
    behavior.idleTimeout = 0;
    behavior.sendPingsAutomatically = false;
    behavior.open = [=](auto *socket) {
        if (broadcasts) socket->subscribe("news");
    };
    behavior.message = [&, broadcasts, perTurn](auto *socket, std::string_view received, uWS::OpCode opcode) {
        if (!broadcasts) {
            socket->send(received, opcode);
            return;
        }
        for (int i = 0; i < perTurn; i++) app.publish("news", message, uWS::OpCode::TEXT);
    };
    app.ws<Nothing>("/*", std::move(behavior));
    app.listen("127.0.0.1", 0, [](auto *listening) {
        if (!listening) std::exit(1);
        std::printf("%d\n", us_socket_local_port(0, (us_socket_t *) listening));
        std::fflush(stdout);
    });
    app.run();
}
