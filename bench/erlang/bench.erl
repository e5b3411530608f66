%% SPDX-License-Identifier: Apache-2.0
%% Erlang processes on one scheduler (+S 1:1): the same cases as native/cases.h.
%% erl -noinput +S 1:1 +P 4194304 -pa DIR -run bench main GROUP CASE
-module(bench).
-export([main/1]).

-define(YIELDS, 10000000).
-define(LEAST_LAPS, 5).
-define(BATCH, 1000).
-define(BATCHES, 1000).
-define(WARM_BATCHES, 100).

main(["version"]) ->
    io:format("OTP ~s~n", [erlang:system_info(otp_release)]),
    halt(0);
main([Group, Case]) ->
    %% A process of its own: what `erl` runs us in has a mailbox and a history.
    {_, Done} = spawn_monitor(fun() -> run(Group, Case) end),
    receive
        {'DOWN', Done, process, _, normal} -> halt(0);
        {'DOWN', Done, process, _, Why} ->
            io:format(standard_error, "~p~n", [Why]),
            halt(1)
    end.

run("yield", Case) -> yield_case(Case, list_to_integer(Case));
run("spawn", Case) -> spawn_case(Case);
run("park", Case) -> park_case(Case, list_to_integer(Case)).

report(Case, Value) -> io:format("~s ~.3f~n", [Case, float(Value)]).

now_ns() -> erlang:monotonic_time(nanosecond).

%% ---- yield N

yield_case(Case, Strands) ->
    Laps = max(?YIELDS div Strands, ?LEAST_LAPS),
    Self = self(),
    process_flag(priority, high),   % nobody yields while others are started
    spawn_many(Strands - 1, fun() -> yield(Laps + 1) end),
    spawn(fun() -> yield_timed(Self, Laps) end),
    receive {took, Ns} -> report(Case, Ns / (Strands * Laps)) end.

yield_timed(Parent, Laps) ->
    erlang:yield(),
    Begin = now_ns(),
    yield(Laps),
    Parent ! {took, now_ns() - Begin}.

yield(0) -> ok;
yield(Laps) ->
    erlang:yield(),
    yield(Laps - 1).

spawn_many(0, _) -> ok;
spawn_many(Count, Fun) ->
    spawn(Fun),
    spawn_many(Count - 1, Fun).

%% ---- spawn warm

spawn_case(Case) ->
    Before = erlang:system_info(process_count),
    spawn_batches(?WARM_BATCHES, Before),
    Begin = now_ns(),
    spawn_batches(?BATCHES, Before),
    report(Case, (now_ns() - Begin) / (?BATCH * ?BATCHES)).

spawn_batches(0, _) -> ok;
spawn_batches(Count, Before) ->
    spawn_many(?BATCH, fun() -> ok end),
    await_count(Before),
    spawn_batches(Count - 1, Before).

await_count(Most) ->
    case erlang:system_info(process_count) =< Most of
        true -> ok;
        false ->
            erlang:yield(),
            await_count(Most)
    end.

%% ---- park N

park_case(Case, Strands) ->
    Before = memory_bytes(),
    Count = erlang:system_info(process_count),
    {Cold, Pids} = park_all(Strands),
    Memory = (memory_bytes() - Before) / Strands,
    Wake = wake_all(Pids, Count),
    {Warm, Again} = park_all(Strands),
    wake_all(Again, Count),
    report(Case ++ " cold", Cold),
    report(Case ++ " warm", Warm),
    report(Case ++ " wake", Wake / 1.0e6),
    report(Case ++ " memory", Memory).

%% Processes run in the order they were started: when the last says so, all are parked.
park_all(Strands) ->
    Self = self(),
    Begin = now_ns(),
    Pids = park_many(Strands - 1, []),
    Last = spawn(fun() -> Self ! parked, park() end),
    receive parked -> ok end,
    {(now_ns() - Begin) / Strands, [Last | Pids]}.

park_many(0, Pids) -> Pids;
park_many(Count, Pids) -> park_many(Count - 1, [spawn(fun park/0) | Pids]).

park() -> receive go -> ok end.

wake_all(Pids, Count) ->
    Begin = now_ns(),
    lists:foreach(fun(Pid) -> Pid ! go end, Pids),
    await_count(Count),
    now_ns() - Begin.

%% Resident pages and the page tables that map them.
memory_bytes() ->
    {ok, Text} = file:read_file("/proc/self/status"),
    lists:sum([kib(Line) || Line <- binary:split(Text, <<"\n">>, [global])]) * 1024.

kib(<<"VmRSS:", Rest/binary>>) -> first_integer(Rest);
kib(<<"VmPTE:", Rest/binary>>) -> first_integer(Rest);
kib(_) -> 0.

first_integer(Text) ->
    [Number | _] = string:lexemes(binary_to_list(Text), " \t"),
    list_to_integer(Number).
