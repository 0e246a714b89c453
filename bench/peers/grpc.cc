//  grpc - a unary call that is answered with its payload, by gRPC C++
//
//  The synchronous API at both ends, over tcp or a unix socket, without TLS.
//  Messages are kept from call to call; a context cannot be. What gRPC does
//  beside a call, and can be told to leave, is off: zloom does none of it.
//
//  SPDX-License-Identifier: MPL-2.0

#include <chrono>
#include <memory>
#include <string>

#include <absl/synchronization/mutex.h>
#include <grpcpp/grpcpp.h>

#include "echo.grpc.pb.h"
#include "program.h"

using zloom::bench::Echo;
using zloom::bench::Payload;

//  An endpoint as gRPC writes it.
static std::string s_target (const char *endpoint)
{
    if (const char *address = program_tcp_address (endpoint))
        return address;
    if (const char *path = program_ipc_path (endpoint))
        return std::string ("unix:") + path;
    program_fail ("'%s' is neither tcp://127.0.0.1:PORT nor ipc:///PATH", endpoint);
}

//  Server.

class EchoService final : public Echo::Service {
    grpc::Status Call (grpc::ServerContext *, const Payload *request, Payload *answer) override
    {
        answer->set_body (request->body ());
        return grpc::Status::OK;
    }
};

struct server_t {
    EchoService service;
    std::unique_ptr<grpc::Server> server;
};

static void *s_server_new (const char *endpoint)
{
    auto self = std::make_unique<server_t> ();
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort (s_target (endpoint), grpc::InsecureServerCredentials (), &port);
    //  Else it would share its port with a server that was left behind.
    builder.AddChannelArgument (GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.RegisterService (&self->service);
    self->server = builder.BuildAndStart ();
    if (!self->server || port == 0)
        program_fail ("no server on '%s'", endpoint);
    return self.release ();
}

static void s_server_destroy (void *server)
{
    std::unique_ptr<server_t> self (static_cast<server_t *> (server));
    self->server->Shutdown (std::chrono::system_clock::now ());
    self->server->Wait ();
}

//  Client.

struct client_t {
    std::unique_ptr<Echo::Stub> stub;
    Payload request;
    Payload answer;
};

static void *s_client_new (const char *endpoint, zloom_bytes_t payload)
{
    grpc::ChannelArguments arguments;
    arguments.SetInt (GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetInt (GRPC_ARG_ENABLE_RETRIES, 0);
    auto channel = grpc::CreateCustomChannel (s_target (endpoint),
                                              grpc::InsecureChannelCredentials (), arguments);
    if (!channel->WaitForConnected (std::chrono::system_clock::now () + std::chrono::seconds (10)))
        program_fail ("no connection to '%s'", endpoint);

    auto self = std::make_unique<client_t> ();
    self->stub = Echo::NewStub (channel);
    self->request.set_body (payload.data, payload.size);
    return self.release ();
}

static zloom_bytes_t s_call (void *client)
{
    auto self = static_cast<client_t *> (client);
    grpc::ClientContext context;
    grpc::Status status = self->stub->Call (&context, self->request, &self->answer);
    if (!status.ok ())
        program_fail ("%s", status.error_message ().c_str ());
    return zloom_bytes (self->answer.body ().data (), self->answer.body ().size ());
}

static void s_client_destroy (void *client)
{
    delete static_cast<client_t *> (client);
}

int main (int argc, char **argv)
{
    //  Debian's Abseil looks for deadlocks whenever a mutex is locked.
    absl::SetMutexDeadlockDetectionMode (absl::OnDeadlockCycle::kIgnore);
    program_t program = {};
    program.name = "grpc";
    program.server_new = s_server_new;
    program.server_destroy = s_server_destroy;
    program.client_new = s_client_new;
    program.call = s_call;
    program.client_destroy = s_client_destroy;
    return program_main (&program, argc, argv);
}
