# What client.py does, in Perl, for machines without Python. See there.
use strict;
use warnings;
use IPC::Open2;
use JSON::PP;

my $json = JSON::PP->new->utf8->canonical;
my ($folder, @command) = @ARGV;
my ($pid, $from, $to, $last_id, @news);
$| = 1;
alarm 60;

sub connect_front {
    ($last_id, @news) = (0);
    $pid = open2($from, $to, @command);
    binmode $_ for $from, $to;
    return call("initialize", processId => undef,
        initializationOptions => { offshoot => { protocolVersion => 1, clientName => "perl" } });
}

sub write_body {
    my ($body) = @_;
    syswrite $to, "Content-Length: " . length($body) . "\r\n\r\n$body";
}

sub send_message { write_body($json->encode({ jsonrpc => "2.0", @_ })) }

sub read_message {
    my $length;
    while (defined(my $line = <$from>)) {
        if ($line eq "\r\n") {
            read($from, my $body, $length);
            return $json->decode($body);
        }
        $length = $1 if $line =~ /^content-length: (\d+)/i;
    }
    die "the front has ended\n";
}

sub answer {
    my ($wanted) = @_;
    while (1) {
        my $message = read_message();
        if ($message->{method}) { push @news, [ $message->{method}, $message->{params} ]; next }
        my $id = $message->{id};
        return $message if defined $wanted ? defined $id && $id eq $wanted : !defined $id;
    }
}

sub ask {
    my ($method, %params) = @_;
    send_message(id => ++$last_id, method => $method, params => \%params);
    return answer($last_id);
}

sub call {
    my $answer = ask(@_);
    check("$_[0] succeeds", !$answer->{error}, $answer);
    return $answer->{result};
}

sub until_told {
    my ($method, %wanted) = @_;
    while (1) {
        for (@news) {
            my ($told, $params) = @$_;
            return $params
              if $told eq $method && !grep { ($params->{$_} // "") ne $wanted{$_} } keys %wanted;
        }
        my $message = read_message();
        push @news, [ $message->{method}, $message->{params} ];
    }
}

sub about {
    my ($id) = @_;
    return grep { ($_->[1]{childSessionId} // "") eq $id && $_->[0] ne "subAgent/heartbeat" } @news;
}

sub close_front {
    call("shutdown");
    send_message(method => "exit");
    close $to;
    waitpid $pid, 0;
    check("the front ends with 0 after shutdown", $? == 0);
}

sub check {
    my ($what, $is_true, $seen) = @_;
    return if $is_true;
    print "NOT TRUE: $what: ", $json->allow_nonref->encode($seen), "\n";
    exit 1;
}

sub spawn { return call("session/spawn", cwd => $folder, @_)->{session}{id} }

sub numbers {
    return join " ", map { $_->[1]{seq} } grep { $_->[0] eq "subAgent/event" } about(@_);
}

my $result = connect_front();
check("it is Offshoot", $result->{serverInfo}{name} eq "offshoot", $result);
send_message(method => "initialized", params => {});
my $watermark = call("tree/subscribe", events => "all")->{completionSeq};

my $id = spawn(prompt => "echo one; echo two");
my $done = until_told("subAgent/completed", childSessionId => $id);
check("it has completed", $done->{result} eq "one\ntwo\n", $done);
check("it has the next number", $done->{completionSeq} == $watermark + 1, $done);
my @order = map { $_->[0] } about($id);
check("started is first, completed last", "@order[0, -1]" eq "subAgent/started subAgent/completed");
check("events are numbered", numbers($id) eq join(" ", 1 .. @order - 2), numbers($id));
print "a run can be watched from start to end\n";

my $sent = call("session/send", sessionId => $id, text => "echo three");
check("it runs again on the text", $sent->{delivery} eq "run", $sent);
my $waited = call("session/wait", sessionIds => [$id]);
check("the new text was run", $waited->{completions}[0]{result} eq "three\n", $waited);
print "a message starts another run of the same session\n";

my @two = map { spawn(prompt => "echo begun; sleep 1000") } 1, 2;
until_told("subAgent/event", childSessionId => $_) for @two;
call("session/cancel", sessionId => $two[0]) for 1, 2;
$waited = call("session/wait", sessionIds => \@two, until => "any");
check("one was cancelled", $waited->{completions}[0]{status} eq "cancelled", $waited);
check("its sibling was not", "@{ $waited->{pending} }" eq $two[1], $waited);
call("session/cancel", sessionId => $two[1]);
until_told("subAgent/completed", childSessionId => $two[1]);
print "cancel ends one session and not its sibling\n";

my $error = ask("session/get", sessionId => "nobody")->{error};
check("an unknown session is 1001", $error->{data}{kind} eq "sessionNotFound", $error);
$error = ask("session/spawn", prompt => 7)->{error};
check("wrong params have a path", $error->{data}{issues}[0]{path} eq "prompt", $error);
check("an unknown request is -32601", ask("no/such")->{error}{code} == -32601);
write_body("{ this is no JSON");
check("bad JSON is -32700", answer(undef)->{error}{code} == -32700);
print "faults are answered, and the connection goes on\n";

my %key = (requestKey => "perl", prompt => "sleep 0.3; echo while you were away");
my $away = spawn(%key);
until_told("subAgent/started", childSessionId => $away);
my ($last) = sort { $b <=> $a } map { $_->[1]{completionSeq} // 0 } @news;
close_front();
connect_front();
check("the key finds the same session", spawn(%key) eq $away);
call("session/wait", sessionIds => [$away]);
my $snapshot = call("tree/subscribe", afterCompletion => $last);
check("the watermark has gone on", $snapshot->{completionSeq} == $last + 1);
$done = until_told("subAgent/completed", childSessionId => $away);
check("it is sent again", $done->{replayed} && $done->{completionSeq} == $last + 1, $done);
my $all = call("session/subscribe", sessionId => $away, after => 0)->{lastSeq};
until_told("subAgent/event", childSessionId => $away, seq => $all);
check("its events are there", numbers($away) eq join(" ", 1 .. $all), numbers($away));
print "nothing is missed while away\n";

close_front();
print "done\n";
